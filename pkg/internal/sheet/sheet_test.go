package sheet

import (
	"strings"
	"testing"
)

func TestSheetEscapesItsTexts(t *testing.T) {
	evil := `"</script><script>alert(1)</script>'`
	page := Sheet{ID: evil, Unit: evil, Table: "<table></table>", Foot: "<p>below</p>"}.HTML()
	if strings.Count(page, "<script>") != 1 || strings.Count(page, "</script>") != 1 || !strings.HasSuffix(page, "</script>") {
		t.Errorf("a text ends the script: %s", page)
	}
	if !strings.Contains(page, "<table></table></div><p>below</p></div>") {
		t.Errorf("the table is not whole without the script: %s", page)
	}
}

func TestSheetsOfOneContentHaveOneName(t *testing.T) {
	a, b := Sheet{Unit: "rows", Table: "<table>1</table>"}, Sheet{Unit: "rows", Table: "<table>2</table>"}
	first, again := a.HTML(), a.HTML()
	if first != again || first == b.HTML() {
		t.Error("a page is not the same each time it is made, or two tables have one name")
	}
	named := Sheet{ID: "board", Table: "<table>1</table>"}.HTML()
	if !strings.Contains(named, `data-lathe-sheet="board"`) || !strings.Contains(named, `("board",`) {
		t.Errorf("a sheet lacks its name: %.200s", named)
	}
}
