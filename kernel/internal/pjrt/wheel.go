package pjrt

import (
	"fmt"
)

// A wheel is a package of the Python index that holds a PJRT plugin.
type wheel struct {
	kind          string // "cpu"
	project       string // name in the index
	version       string
	file          string // the wheel's file name
	size          int64  // of the wheel
	sha256        string // of the wheel
	library       string // the plugin's file name within
	librarySize   int64
	librarySHA256 string
}

// wheels holds the plugin for each system. The digests are of whole files: whatever a server sends, it
// is this content or an error.
var wheels = map[string]wheel{
	"linux/amd64": {
		kind:          "cpu",
		project:       "lammps-jax-pjrt-cpu",
		version:       "0.11.2",
		file:          "lammps_jax_pjrt_cpu-0.11.2-py3-none-manylinux_2_27_x86_64.whl",
		size:          62711338,
		sha256:        "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
		library:       "pjrt_c_api_cpu_plugin.so",
		librarySize:   201600336,
		librarySHA256: "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",
	},
}

// wheelFor returns the wheel for a system.
func wheelFor(goos, goarch string) (wheel, error) {
	if w, ok := wheels[goos+"/"+goarch]; ok {
		return w, nil
	}
	return wheel{}, fmt.Errorf("there is no PJRT plugin to fetch for %s/%s", goos, goarch)
}
