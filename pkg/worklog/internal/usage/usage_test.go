package usage

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessAndMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here: ", err)
	}
	t.Setenv("PATH", t.TempDir())
	s := New(time.Second)
	defer s.Close()
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		math.Sqrt(2)
	}
	held := make([]byte, 32<<20)
	for i := range held {
		held[i] = 1
	}
	got := map[string]float64{}
	for _, v := range s.Sample(t.Context()) {
		got[v.Name] = v.Value
	}
	if len(got) != 4 || got["system/cpu"] > 1024 || got["system/memory"] < 32<<20 || got["system/machine/memory"] < got["system/memory"]/2 {
		t.Errorf("got %v", got)
	}
	if held[1] != 1 {
		t.Error("the memory was let go")
	}
}

// smi puts a shell script on the path as nvidia-smi and returns the folder in which it runs.
func smi(t *testing.T, script string) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\necho $$ > "+dir+"/pid\necho \"$@\" > "+dir+"/args\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// await calls holds until it is true, and fails after a long time.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("it never was so: " + what)
		}
	}
}

// ended reports whether the process of the script in dir is gone.
func ended(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return err == nil && syscall.Kill(pid, 0) != nil
}

const two = `echo "0, 35, 1024, 45, 60.12"
echo "1, [N/A], 2048, [Not Supported], 80.5"`

func TestGPUs(t *testing.T) {
	for _, c := range []struct {
		what, script string
		want         int // values that come
	}{
		{"two GPUs", two + "\nexec sleep 1000", 6},
		{"junk between", "echo hello\necho '0, 1'\necho '-1, 1, 1, 1, 1'\necho 'x,1,1,1,1'\n" + two + "\nexec sleep 1000", 6},
		{"one that dies", two + "\nexit 9", 6},
		{"one with a child that holds the pipe", two + "\nsleep 20 &\nexit 0", 6},
		{"one that ignores signals", "trap '' TERM INT HUP\n" + two + "\nsleep 20", 6},
		{"junk without an end", two + "\nexec cat /dev/zero", 6},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := smi(t, c.script)
			g := watchGPUs(t.Context(), 5*time.Second)
			await(t, "values came", func() bool { return len(g.values(time.Now(), time.Hour)) == c.want })
			want := []Value{{"system/gpu/0/use", 35}, {"system/gpu/0/memory", 1 << 30}, {"system/gpu/0/temperature", 45},
				{"system/gpu/0/power", 60.12}, {"system/gpu/1/memory", 2 << 30}, {"system/gpu/1/power", 80.5}}
			for i, v := range g.values(time.Now(), time.Hour) {
				if v != want[i] {
					t.Errorf("%v, want %v", v, want[i])
				}
			}
			if got := g.values(time.Now().Add(time.Minute), 15*time.Second); len(got) != 0 {
				t.Errorf("old values: %v", got)
			}
			g.close()
			await(t, "the program ended", func() bool { return ended(dir) })
		})
	}
}

func TestGPUsThatNobodyKnows(t *testing.T) {
	for what, script := range map[string]string{
		"one that hangs":     "exec sleep 1000",
		"one that fails":     "echo NVIDIA-SMI has failed >&2\nexit 9",
		"one that tells odd": "printf 'No devices were found'\nexit 6",
	} {
		t.Run(what, func(t *testing.T) {
			dir := smi(t, script)
			g := watchGPUs(t.Context(), time.Second)
			await(t, "it ran", func() bool { _, err := os.Stat(dir + "/args"); return err == nil })
			g.close()
			if got := g.values(time.Now(), time.Hour); len(got) != 0 {
				t.Errorf("got %v", got)
			}
			await(t, "the program ended", func() bool { return ended(dir) })
		})
	}
	t.Setenv("PATH", t.TempDir())
	g := watchGPUs(t.Context(), time.Second)
	g.close()
	if got := g.values(time.Now(), time.Hour); len(got) != 0 {
		t.Errorf("without it: %v", got)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name, want string
		value      float64
	}{
		{"system/gpu/0/memory", "1.50 GiB", 1.5 * (1 << 30)}, {"system/memory", "0.10 GiB", 1 << 27 * 0.8}, {"system/cpu", "1.98", 1.984},
		{"system/gpu/3/use", "35 %", 35}, {"system/gpu/3/temperature", "45 °C", 45}, {"system/gpu/3/power", "60.1 W", 60.12}, {"system/mine", "5", 5},
	} {
		if got := Text(c.name, c.value); got != c.want {
			t.Errorf("%s %g: %s, want %s", c.name, c.value, got, c.want)
		}
	}
}

func TestArguments(t *testing.T) {
	dir := smi(t, "exec sleep 1000")
	g := watchGPUs(t.Context(), 5*time.Second)
	defer g.close()
	want := "--query-gpu=index,utilization.gpu,memory.used,temperature.gpu,power.draw --format=csv,noheader,nounits --loop-ms=5000\n"
	await(t, "it has its arguments", func() bool { b, _ := os.ReadFile(dir + "/args"); return string(b) == want })
}
