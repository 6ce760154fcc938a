// Package backend opens the device on which models run: XLA through a PJRT plugin (CPU or CUDA).
//
// Where no plugin can be loaded, GoMLX's backend in pure Go takes its place. It is slower by orders of
// magnitude, so that is said aloud, with the reason and with what mends it.
package backend

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// A Device is an opened backend and what is known about it. Pass its Backend to GoMLX.
type Device struct {
	Backend    compute.Backend
	Name       string   // "xla" or "go"
	Platform   string   // "cpu", "cuda", …; "go" for the backend in pure Go
	Plugin     string   // file of the PJRT plugin; empty without one
	APIVersion string   // version of the PJRT C API that the plugin speaks, such as "0.75"
	Devices    []string // one description for each device
	Threads    int      // processors that this process may use
	Fallback   error    // why XLA is not used; nil if it is
}

// options gathers what the Options set.
type options struct {
	config   string
	plugin   string
	warnings io.Writer
	strict   bool
}

// An Option changes what Open opens.
type Option func(*options)

// Config opens the backend that a GOMLX_BACKEND string names, such as "xla:cuda" or "go", and no other.
func Config(config string) Option { return func(o *options) { o.config = config } }

// Plugin opens the PJRT plugin in the file at path.
func Plugin(path string) Option { return func(o *options) { o.plugin = path } }

// Strict makes it an error that XLA cannot be opened, instead of falling back.
func Strict() Option { return func(o *options) { o.strict = true } }

// Warnings says where a fall-back is announced. It is os.Stderr unless this option is given.
func Warnings(w io.Writer) Option { return func(o *options) { o.warnings = w } }

// Open opens a device. Without options it follows GOMLX_BACKEND if that is set, else it opens XLA on the
// first PJRT plugin found, CUDA before CPU, else the backend in pure Go, announcing why. The CPU is then one
// device; Config("xla:cpu") gives the four that the plugin makes of it.
func Open(opts ...Option) (*Device, error) {
	o := options{config: os.Getenv("GOMLX_BACKEND"), warnings: os.Stderr}
	for _, opt := range opts {
		opt(&o)
	}
	// A download in the middle of a program would be a surprise: fetching a plugin is the set-up's task.
	xla.EnableAutoInstall(false)
	if o.config != "" && o.plugin == "" {
		return openConfig(o.config)
	}
	d, err := openXLA(o.plugin)
	if err == nil {
		return d, nil
	}
	if o.strict || o.plugin != "" {
		return nil, err
	}
	d, goErr := openGo()
	if goErr != nil {
		return nil, errors.Join(err, goErr)
	}
	d.Fallback = err
	fmt.Fprintln(o.warnings, announce(err))
	return d, nil
}

// announce words a fall-back: what happens, why, and what mends it.
func announce(why error) string {
	return fmt.Sprintf("backend: XLA cannot be opened, so models run on the slow backend in pure Go.\n"+
		"  reason: %v\n  to mend it: run `lathe setup`, then restart the kernel", why)
}

// openConfig opens exactly what a GOMLX_BACKEND string names.
func openConfig(config string) (*Device, error) {
	b, err := guard(func() (compute.Backend, error) { return compute.NewWithConfig(config) })
	if err != nil {
		return nil, fmt.Errorf("backend: open %q: %w", config, err)
	}
	return describe(b), nil
}

// openXLA opens the plugin in the file at path, or the first one found if path is empty.
func openXLA(path string) (*Device, error) {
	if path == "" {
		var err error
		if path, err = find(); err != nil {
			return nil, err
		}
	}
	b, err := guard(func() (compute.Backend, error) { return xla.NewWithOptions(path, settings(path)) })
	if err != nil {
		return nil, fmt.Errorf("backend: open PJRT plugin %s: %w", path, err)
	}
	return describe(b), nil
}

// settings returns what the plugin at path is opened with. The plugin for CPUs makes four devices unless it is
// told otherwise, of which all but one idle, and small models train a quarter slower beside them.
func settings(path string) pjrt.NamedValuesMap {
	if !strings.Contains(filepath.Base(path), "_cpu_") {
		return nil
	}
	return pjrt.NamedValuesMap{"cpu_device_count": int64(1)}
}

// openGo opens the backend in pure Go.
func openGo() (*Device, error) {
	b, err := guard(func() (compute.Backend, error) { return gobackend.New("") })
	if err != nil {
		return nil, fmt.Errorf("backend: open the backend in pure Go: %w", err)
	}
	return describe(b), nil
}

// guard turns a panic of open into an error: loading a damaged plugin panics in go-xla.
func guard(open func() (compute.Backend, error)) (b compute.Backend, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("loading it panicked: %v", p)
		}
	}()
	return open()
}

// goName is what the backend in pure Go calls itself; everywhere else it goes by "go".
const goName = "Go Backend"

// describe asks an open backend about itself.
func describe(b compute.Backend) *Device {
	d := &Device{Backend: b, Name: b.Name(), Platform: b.Name(), Threads: runtime.NumCPU()}
	if d.Name == goName {
		d.Name, d.Platform = gobackend.BackendName, gobackend.BackendName
	}
	for i := range b.NumDevices() {
		d.Devices = append(d.Devices, b.DeviceDescription(compute.DeviceNum(i)))
	}
	x, ok := b.(*xla.Backend)
	if !ok {
		return d
	}
	d.Platform = platform(x.PluginName())
	if plugin, err := pjrt.GetPlugin(x.PluginName()); err == nil {
		major, minor := plugin.Version()
		d.Plugin, d.APIVersion = plugin.Path(), fmt.Sprintf("%d.%d", major, minor)
	}
	return d
}

// process is the device of this process. A PJRT client owns threads and device memory, of which a
// process should have one set, however many cells and packages use it.
var process struct {
	sync.Mutex
	device *Device
}

// Default returns the device of this process and opens it on the first call. A fall-back to pure Go is
// announced then, and once. It panics if not even that backend opens.
func Default() *Device {
	process.Lock()
	defer process.Unlock()
	if process.device == nil {
		d, err := Open()
		if err != nil {
			panic(err)
		}
		process.device = d
	}
	return process.device
}
