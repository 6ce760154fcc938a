package exchange

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// A source that is read while it is being written, at any byte, and again when it is whole, is one run, with all that
// it has and with what was added to the run here.
func TestSourcesThatGrow(t *testing.T) {
	var contents = map[string][]byte{"x.csv": []byte("step,wall time,loss,acc\n0,1700000000,2.5,0.125\n1,1700000001,1.75,0.25\n2,1700000002,1.5,0.375\n")}
	for _, name := range []string{"tensorboard.tfevents", "tensorboardx.tfevents", "python.jsonl"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		contents[name] = content
	}
	for name, content := range contents {
		path := filepath.Join(t.TempDir(), name)
		write := func(b []byte) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(content)
		whole, _ := one(t, worklog.Open(t.TempDir()), path)
		want, grown := listed(t, whole), 0
		for at := 1; at < len(content); at += 5 {
			folder := worklog.Open(t.TempDir())
			write(content[:at])
			early, err := Import(folder, path) // which may hold nothing yet
			if err == nil {
				run, _ := load(t, folder, early[0])
				run.Verdict("mine")
				grown++
			}
			write(content)
			run, result := one(t, folder, path)
			all, err := folder.Runs()
			if err != nil || len(all) != 1 {
				t.Fatalf("%s, first read up to byte %d: %d runs, error %v", name, at, len(all), err)
			}
			if got := listed(t, run); got != want {
				t.Fatalf("%s, first read up to byte %d:\n%s\nwant:\n%s", name, at, got, want)
			}
			if s := run.Summary(); result.Known && s.Verdict != "mine" || s.Damage != 0 || result.Known != (len(early) > 0) {
				t.Fatalf("%s, first read up to byte %d: %+v, %+v", name, at, result, s)
			}
			if _, again := one(t, folder, path); !again.Known || again.Added != 0 || again.Run != run.ID() {
				t.Fatalf("%s, a third time: %+v", name, again)
			}
		}
		if grown < 10 {
			t.Errorf("%s grew only %d times", name, grown)
		}
	}
}

func TestASourceThatIsAnother(t *testing.T) {
	folder := worklog.Open(t.TempDir())
	path := written(t, "x.csv", "step,loss\n0,1\n1,2\n")
	first, _ := one(t, folder, path)
	if err := os.WriteFile(path, []byte("step,loss\n0,3\n1,2\n2,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second, result := one(t, folder, path)
	if result.Known || first.ID() == second.ID() || first.Summary().Points != 2 || second.Summary().Points != 3 {
		t.Errorf("what begins otherwise is %+v", result)
	}
}

// event returns a record of an event file: a time, a step, and the rest of the message.
func eventRecord(when float64, step int, rest ...byte) []byte {
	data := []byte{eventTime<<3 | wire64}
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(when))
	data = append(data, eventStep<<3|wireVarint, byte(step))
	data = append(data, rest...)
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = binary.LittleEndian.AppendUint32(out, masked(out))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, masked(data))
}

// TestATrainingThatBeganAgain has a training go on from a checkpoint after its events were imported.
func TestATrainingThatBeganAgain(t *testing.T) {
	folder := worklog.Open(t.TempDir())
	content, err := os.ReadFile("testdata/tensorboard.tfevents")
	if err != nil {
		t.Fatal(err)
	}
	path := written(t, "events.tfevents", string(content))
	first, _ := one(t, folder, path)
	before := strings.Split(listed(t, first), "\n")
	restart := eventRecord(1700000100, 2, eventSession<<3|wireBytes, 2, sessionStatus<<3|wireVarint, sessionStart)
	value := append([]byte{valueTag<<3 | wireBytes, 10}, "train/loss"...)
	value = binary.LittleEndian.AppendUint32(append(value, valueSimple<<3|wire32), math.Float32bits(8))
	summary := append([]byte{summaryValue<<3 | wireBytes, byte(len(value))}, value...)
	point := eventRecord(1700000101, 2, append([]byte{eventSummary<<3 | wireBytes, byte(len(summary))}, summary...)...)
	content = append(append(content, restart...), point...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	again, result := one(t, folder, path)
	want := strings.Join(append(before[:2:2], "train/loss 2 8 1700000101000000"), "\n")
	if got := listed(t, again); got != want || again.ID() != first.ID() || result.Added != 1 {
		t.Errorf("%+v\n%s\nwant:\n%s", result, got, want)
	}
}

func TestARunThatWentOnHereStays(t *testing.T) {
	folder := worklog.Open(t.TempDir())
	path := written(t, "x.csv", "step,loss\n0,1\n1,2\n")
	run, _ := one(t, folder, path)
	run.Log(2, "loss", 3)
	run.End(nil)
	if err := os.WriteFile(path, []byte("step,loss\n0,1\n1,2\n2,7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(folder, path); err == nil || !strings.Contains(err.Error(), "went on with it") {
		t.Errorf("error %v", err)
	}
	if got, _ := load(t, folder, Result{Run: run.ID()}); !strings.Contains(listed(t, got), "loss 2 3 ") || got.Summary().Points != 3 {
		t.Errorf("\n%s", listed(t, got))
	}
}
