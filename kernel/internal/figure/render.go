package figure

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// drawLimit bounds the time that one picture may take.
const drawLimit = 10 * time.Second

// scriptGzip is dist/echarts.min.js of Apache ECharts 5.6.0, unchanged, compressed. Its licence and
// notice stand beside it.
//
//go:embed echarts/echarts.min.js.gz
var scriptGzip []byte

//go:embed echarts/LICENSE
var license []byte

//go:embed echarts/NOTICE
var notice []byte

//go:embed render.js
var renderSource string

//go:embed theme.json
var themeSource string

// Script returns ECharts as one script for the page: the resource echarts.min.js of the kernelspec.
func Script() []byte {
	z, err := gzip.NewReader(bytes.NewReader(scriptGzip))
	if err != nil {
		panic(fmt.Sprintf("figure: embedded script: %v", err)) // the program was built from a damaged tree
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(fmt.Sprintf("figure: embedded script: %v", err))
	}
	return text
}

// License returns the licence and the notice that go wherever Script goes.
func License() []byte {
	return bytes.Join([][]byte{notice, license}, []byte("\n\n"))
}

// A Renderer draws charts. It may be used from several goroutines; it draws one picture at a time.
// Close ends its background work.
type Renderer struct {
	ctx  context.Context // ends the warming
	stop context.CancelFunc
	work sync.WaitGroup

	program func() (*goja.Program, error) // compiled once
	turn    chan struct{}                 // holds one token; who has it owns draw
	draw    drawFunc                      // nil until the first picture, and after an interrupt
	runtime *goja.Runtime
	limit   time.Duration

	live liveSet
}

type drawFunc func(option string, width, height int) (string, error)

// NewRenderer returns a renderer that has done no work yet.
func NewRenderer() *Renderer {
	ctx, stop := context.WithCancel(context.Background())
	return &Renderer{
		ctx: ctx, stop: stop, limit: drawLimit,
		turn: make(chan struct{}, 1),
		program: sync.OnceValues(func() (*goja.Program, error) {
			return goja.Compile("echarts.min.js", string(Script()), true)
		}),
		live: newLiveSet(time.Now),
	}
}

// Warm prepares the renderer in the background, so that the first picture is as quick as the others.
func (r *Renderer) Warm() {
	r.work.Go(func() {
		// A failure shows again, with a reader, at the first picture.
		_, _ = r.SVG(r.ctx, json.RawMessage(`{"xAxis":{},"yAxis":{},"series":[{"type":"line","data":[[0,0],[1,1]]}]}`), 100, 100)
	})
}

// Close waits for background work to end.
func (r *Renderer) Close() error {
	r.stop()
	r.work.Wait()
	return nil
}

// SVG draws an ECharts option as a complete <svg> element of the given size in pixels.
func (r *Renderer) SVG(ctx context.Context, option json.RawMessage, width, height int) (string, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("figure: waiting to draw: %w", ctx.Err())
	}
	clean, err := withoutRemoteImages(option)
	if err != nil {
		return "", fmt.Errorf("figure: option: %w", err)
	}
	if err := r.prepare(); err != nil {
		return "", err
	}
	svg, err := r.timed(ctx, func() (string, error) { return r.draw(string(clean), width, height) })
	if err != nil {
		return "", fmt.Errorf("figure: draw %d×%d: %w", width, height, err)
	}
	return tidy(svg, clean), nil
}

// timed runs f and interrupts the interpreter when ctx ends or the limit passes. An interrupted
// interpreter may be in the middle of anything, so it is dropped.
func (r *Renderer) timed(ctx context.Context, f func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	runtime := r.runtime
	stop := context.AfterFunc(ctx, func() { runtime.Interrupt(context.Cause(ctx)) })
	svg, err := f()
	if !stop() {
		r.draw, r.runtime = nil, nil
		if err != nil {
			return "", context.Cause(ctx)
		}
	}
	return svg, err
}

// prepare makes an interpreter with ECharts in it. The caller holds the turn.
func (r *Renderer) prepare() error {
	if r.draw != nil {
		return nil
	}
	program, err := r.program()
	if err != nil {
		return fmt.Errorf("figure: compile echarts: %w", err)
	}
	vm := goja.New()
	if _, err := vm.RunString(noTimers); err != nil {
		return fmt.Errorf("figure: start: %w", err)
	}
	if _, err := vm.RunProgram(program); err != nil {
		return fmt.Errorf("figure: load echarts: %w", err)
	}
	draw, err := makeDraw(vm)
	if err != nil {
		return fmt.Errorf("figure: start: %w", err)
	}
	r.runtime, r.draw = vm, draw
	return nil
}

// noTimers stands for what a browser has and a picture does not need: nothing moves later.
const noTimers = `var setTimeout=function(){return 0},clearTimeout=function(){},setInterval=setTimeout,` +
	`clearInterval=clearTimeout,console={log:clearTimeout,warn:clearTimeout,error:clearTimeout};`

func makeDraw(vm *goja.Runtime) (drawFunc, error) {
	maker, err := vm.RunString(renderSource)
	if err != nil {
		return nil, err
	}
	call, ok := goja.AssertFunction(maker)
	if !ok {
		return nil, errors.New("render.js is not a function")
	}
	made, err := call(goja.Undefined(), vm.Get("echarts"), vm.ToValue(themeSource))
	if err != nil {
		return nil, err
	}
	var f func(option string, width, height int) (string, error)
	return f, vm.ExportTo(made, &f)
}

var (
	styleElement = regexp.MustCompile(`(?s)\s*<style\b.*?</style>`)
	classNames   = regexp.MustCompile(` class="zr\d+-cls-\d+"| pointer-events="visible"| baseProfile="full"`)
	localNames   = regexp.MustCompile(`(id="|url\(#|href="#)zr\d+-`)
)

// tidy drops what serves only a pointer, and makes the names inside the picture its own: a page holds
// many pictures, and two clip paths of one name would cut the wrong one.
func tidy(svg string, option []byte) string {
	sum := sha256.Sum256(option)
	svg = styleElement.ReplaceAllString(svg, "")
	svg = classNames.ReplaceAllString(svg, "")
	// Where a letter's middle is, not every program knows; this says the same in a way that all do.
	svg = strings.ReplaceAll(svg, ` dominant-baseline="central"`, ` dy="0.35em"`)
	svg = localNames.ReplaceAllString(svg, "${1}l"+hex.EncodeToString(sum[:5])+"-")
	return strings.ReplaceAll(svg, "\n", "")
}

// withoutRemoteImages removes addresses of pictures elsewhere: a chart that needs the network to show
// is not a record.
func withoutRemoteImages(option json.RawMessage) ([]byte, error) {
	if !bytes.Contains(option, []byte("://")) {
		if !json.Valid(option) {
			return nil, errors.New("not valid JSON")
		}
		return option, nil
	}
	var tree any
	if err := json.Unmarshal(option, &tree); err != nil {
		return nil, err
	}
	return json.Marshal(scrub(tree))
}

func scrub(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if s, ok := e.(string); ok && (isRemote(s) || k == "link" || k == "sublink") {
				delete(x, k)
				continue
			}
			x[k] = scrub(e)
		}
	case []any:
		for i, e := range x {
			x[i] = scrub(e)
		}
	}
	return v
}

func isRemote(s string) bool {
	s, _ = strings.CutPrefix(s, "image://")
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "//")
}
