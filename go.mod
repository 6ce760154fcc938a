module github.com/lathe-go/lathe

go 1.26.5

toolchain go1.26.8

require (
	github.com/alecthomas/chroma/v2 v2.27.0 // colours the code in reports
	github.com/dop251/goja v0.0.0-20260917113740-793a2a65c13b // runs ECharts in the kernel to draw the static picture of a chart; pure Go
	github.com/go-echarts/go-echarts/v2 v2.6.7 // typed chart options
	github.com/gomlx/compute v0.1.2 // dtypes, shapes and the backend interface of GoMLX
	github.com/gomlx/go-xla v0.4.1 // GoMLX's XLA/PJRT backend
	github.com/gomlx/gomlx v0.28.2 // the framework
	github.com/yuin/goldmark v1.8.7 // renders the Markdown cells of reports
	golang.org/x/image v0.26.0 // fills the shapes and letters of a chart's PNG; kept by the Go project
	golang.org/x/mod v0.35.0 // reads go.work files
	golang.org/x/tools v0.44.0 // txtar, the form of scenario files in tests
)

require (
	github.com/dlclark/regexp2/v2 v2.5.2 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-sourcemap/sourcemap v2.1.3+incompatible // indirect
	github.com/gofrs/flock v0.13.0 // indirect
	github.com/gomlx/compute-onnx v0.0.0-20260730095030-43334863f719 // indirect
	github.com/google/pprof v0.0.0-20230207041349-798e818bf904 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	golang.org/x/sys v0.43.0 // indirect
	golang.org/x/term v0.40.0 // indirect
	golang.org/x/text v0.35.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
)
