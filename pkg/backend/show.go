package backend

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// String describes the device in a few lines of text.
func (d *Device) String() string {
	var b strings.Builder
	for i, row := range d.rows() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%-9s %s", row[0], row[1])
	}
	return b.String()
}

// HTML describes the device as a table.
func (d *Device) HTML() string {
	var b strings.Builder
	b.WriteString("<table>")
	for _, row := range d.rows() {
		fmt.Fprintf(&b, "<tr><th style=\"text-align:left\">%s</th><td style=\"text-align:left\">%s</td></tr>",
			html.EscapeString(row[0]), html.EscapeString(row[1]))
	}
	b.WriteString("</table>")
	return b.String()
}

// rows lists what is known, one property each.
func (d *Device) rows() [][2]string {
	rows := [][2]string{{"backend", d.Name}, {"platform", d.Platform}}
	if d.Plugin != "" {
		rows = append(rows, [2]string{"plugin", fmt.Sprintf("%s (PJRT API %s)", tilde(d.Plugin), d.APIVersion)})
	}
	rows = append(rows,
		[2]string{"devices", fmt.Sprintf("%d: %s", len(d.Devices), strings.Join(d.Devices, ", "))},
		[2]string{"threads", fmt.Sprint(d.Threads)})
	if d.Fallback != nil {
		rows = append(rows, [2]string{"fall-back", announce(d.Fallback)})
	}
	return rows
}

// Facts returns what a record of a computation should hold: the platform, as "backend", the plugin with the version of
// its interface, and the devices.
func (d *Device) Facts() map[string]string {
	facts := map[string]string{"backend": d.Platform, "devices": strings.Join(d.Devices, ", ")}
	if d.Plugin != "" {
		facts["PJRT plugin"] = fmt.Sprintf("%s (PJRT API %s)", tilde(d.Plugin), d.APIVersion)
	}
	return facts
}

// tilde shortens a path below the user's home: a page that is passed on need not say who made it.
func tilde(path string) string {
	user, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	rest, below := strings.CutPrefix(path, strings.TrimSuffix(user, "/")+"/")
	if !below {
		return path
	}
	return "~/" + rest
}
