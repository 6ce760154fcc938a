module github.com/lathe-go/lathe

go 1.26.5

toolchain go1.26.8

require (
	github.com/dop251/goja v0.0.0-20260917113740-793a2a65c13b // runs ECharts in the kernel to draw the static picture of a chart; pure Go
	github.com/go-echarts/go-echarts/v2 v2.6.7 // typed chart options
	github.com/gomlx/compute v0.1.2 // dtypes, shapes and the backend interface of GoMLX
	github.com/gomlx/go-xla v0.4.1 // GoMLX's XLA/PJRT backend
	github.com/gomlx/gomlx v0.28.2 // the framework
)
