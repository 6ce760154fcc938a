package labtest

import (
	"strings"
	"testing"
)

// gonbui: a person moves a slider and presses a button of GoNB's widgets, while a cell runs that waits for it,
// and code looks at and changes what the page shows.
func (l *lab) gonbui(t *testing.T) {
	var seen struct {
		Cells []seenCell
		Saved string // the notebook, as it was saved
	}
	l.tell(t, "gonbui", &seen,
		"slider := widgets.Slider(0, 10, 3).Done()\nbutton := widgets.Button(\"Press\").Done()",
		"moves, clicks := slider.Listen(), button.Listen()\nfmt.Println(\"waits\")\nfmt.Println(\"slider\", <-moves.C)\nfmt.Println(\"button\", <-clicks.C)",
		"slider.SetValue(5)",
		"id := dom.CreateTransientDiv()\ndom.Append(id, \"<b>appended</b>\")\nfmt.Println(dom.GetInnerHtml(id))\ndom.Persist(id)",
		"fig := []byte(`{\"data\":[{\"name\":\"loss\",\"x\":[1,10,100],\"y\":[3,2,0.5]},{\"type\":\"bar\",\"x\":[1,10],\"y\":[1,2]}],\"layout\":{\"title\":{\"text\":\"figure\"}}}`)\n"+
			"plotly.DisplayFigAsJSON(fig)\nplotly.AppendFigAsJSON(dom.CreateTransientDiv(), fig)",
	)
	for i, want := range []string{"", "waits\nslider 9\nbutton 1", "", "<b>appended</b>", ""} {
		if c := seen.Cells[i]; !strings.Contains(c.Text, want) || c.Error {
			t.Errorf("cell %d shows %+v, want %q", i+1, c, want)
		}
	}
	if c := seen.Cells[4]; c.Interactive < 2 {
		t.Errorf("the figures are not interactive: %+v", c)
	}
	if strings.Contains(seen.Saved, "function (instance") || strings.Contains(seen.Saved, "newSyncedVariable") {
		t.Errorf("scripts stay in the notebook:\n%s", seen.Saved)
	}
}
