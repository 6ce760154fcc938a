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
	github.com/janpfeifer/gonb v0.11.5 // what notebooks of GoNB, and GoMLX, show things with; MIT
	github.com/klauspost/compress v1.17.9 // unpacks Zstandard in Parquet files; pure Go with some assembly, BSD-3 and Apache-2.0
	github.com/ulikunitz/xz v0.5.17 // unpacks R's workspaces; pure Go, BSD-3
	github.com/yuin/goldmark v1.8.7 // renders the Markdown cells of reports
	golang.org/x/image v0.26.0 // fills the shapes and letters of a chart's PNG; kept by the Go project
	golang.org/x/mod v0.35.0 // reads go.work files
	golang.org/x/sys v0.43.0 // the size of a terminal, for `lathe log watch`
	golang.org/x/tools v0.44.0 // the analyzers of go vet; txtar, the form of scenario files in tests
	google.golang.org/protobuf v1.36.11 // reads the optimised programs that PJRT plugins give, by the descriptions that go-xla links; kept by the Go project
	zombiezen.com/go/sqlite v1.4.2 // answers SQL about runs, and reads the stores of other trackers: modernc.org/sqlite, which is SQLite in pure Go, without database/sql, with which filling takes twice as long. Not linked into cells
)

require (
	github.com/MetalBlueberry/go-plotly v0.7.0 // indirect
	github.com/aymanbagabas/go-osc52/v2 v2.0.1 // indirect
	github.com/charmbracelet/colorprofile v0.4.3 // indirect
	github.com/charmbracelet/lipgloss v1.1.0 // indirect
	github.com/charmbracelet/x/ansi v0.11.6 // indirect
	github.com/charmbracelet/x/cellbuf v0.0.15 // indirect
	github.com/charmbracelet/x/term v0.2.2 // indirect
	github.com/clipperhouse/displaywidth v0.11.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/dlclark/regexp2/v2 v2.5.2 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/erkkah/margaid v0.3.0 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-sourcemap/sourcemap v2.1.3+incompatible // indirect
	github.com/gofrs/flock v0.13.0 // indirect
	github.com/gofrs/uuid v4.4.0+incompatible // indirect
	github.com/gomlx/compute-onnx v0.0.0-20260730095030-43334863f719 // indirect
	github.com/google/pprof v0.0.0-20250317173921-a4b03ec1a45e // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/lucasb-eyer/go-colorful v1.3.0 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/mattn/go-runewidth v0.0.21 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/muesli/termenv v0.16.0 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/schollz/progressbar/v3 v3.19.0 // indirect
	github.com/xo/terminfo v0.0.0-20220910002029-abceb7e1c41e // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	golang.org/x/term v0.40.0 // indirect
	golang.org/x/text v0.35.0 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
	modernc.org/libc v1.72.3 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.11.0 // indirect
	modernc.org/sqlite v1.51.0 // indirect
)
