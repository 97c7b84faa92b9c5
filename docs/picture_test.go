package docs

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"
)

// architecture.svg is drawn from architecture.txt, which says how it is written.
func TestPictureIsDrawnFromItsSource(t *testing.T) {
	source, err := os.ReadFile("architecture.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := draw(string(source))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("architecture.svg", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("architecture.svg"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("architecture.svg is not what architecture.txt says: UPDATE=1 go test ./docs (%v)", err)
	}
}

const style = `<style>
text { font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #24292f }
.name { font-size: 18px; font-weight: 600 }
.path { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #32383f }
.not { fill: #b42318 }
.label { font-size: 13px; fill: #57606a }
.process { fill: #ffffff; stroke: #24292f; stroke-width: 1.5 }
.file { fill: #fff8e1; stroke: #b7791f; stroke-width: 1.5; stroke-dasharray: 6 4 }
.line { stroke: #d0d7de }
.arrow { fill: none; stroke-width: 2.5 }
</style>
`

// colors of the three kinds of arrows.
var colors = map[string]string{"bytes": "#1a7f37", "files": "#b7791f", "orders": "#0969da"}

func draw(source string) ([]byte, error) {
	var b bytes.Buffer
	for _, part := range strings.Split(source, "\n\n") {
		if err := drawPart(&b, strings.Split(strings.TrimSpace(part), "\n")); err != nil {
			return nil, err
		}
	}
	return append(b.Bytes(), "</svg>\n"...), nil
}

// drawPart draws a paragraph of the source: the lines that are not indented, each with
// the text below it.
func drawPart(b *bytes.Buffer, lines []string) error {
	for i, line := range lines {
		if line == "" || line[0] == ' ' || line[0] == '#' {
			continue
		}
		var text []string
		for _, l := range lines[i+1:] {
			if !strings.HasPrefix(l, "  ") {
				break
			}
			text = append(text, l[2:])
		}
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "size":
			head(b, rest)
		case "process", "file":
			var x, y, w, h int
			if _, err := fmt.Sscan(rest, &x, &y, &w, &h); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			box(b, kind, x, y, w, h, text)
		case "key":
			var x, y int
			if _, err := fmt.Sscan(rest, &x, &y); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			key(b, x, y, text)
		case "bytes", "files", "orders":
			if err := arrow(b, kind, rest, strings.Join(text, " ")); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		default:
			return fmt.Errorf("%s: neither box nor arrow", line)
		}
	}
	return nil
}

func head(b *bytes.Buffer, size string) {
	w, h, _ := strings.Cut(size, " ")
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-label="edgeman's processes and the files between them">`+"\n", w, h)
	b.WriteString("<!-- drawn from architecture.txt -->\n" + style + "<defs>\n")
	for _, kind := range []string{"bytes", "files", "orders"} {
		fmt.Fprintf(b, `<marker id="%s" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="5" markerHeight="5" orient="auto"><path d="M0 0L10 5L0 10z" fill="%s"/></marker>`+"\n", kind, colors[kind])
	}
	fmt.Fprintf(b, "</defs>\n"+`<rect width="%s" height="%s" rx="8" fill="#f6f8fa"/>`+"\n", w, h)
}

func box(b *bytes.Buffer, kind string, x, y, w, h int, text []string) {
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="8"/>`+"\n", kind, x, y, w, h)
	for i, line := range text {
		mark, rest, _ := strings.Cut(line, " ")
		class := "plain"
		switch {
		case i == 0:
			class = "name"
		case mark == "-":
			fmt.Fprintf(b, `<line class="line" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", x+14, y+18, x+w-14, y+18)
			y += 14
			continue
		case mark == "`":
			class, line = "path", rest
		case mark == "!":
			class, line = "not", "✗ "+rest
		}
		y += 22
		say(b, class, x+16, y+6, line)
	}
}

func say(b *bytes.Buffer, class string, x, y int, text string) {
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%d" xml:space="preserve">%s</text>`+"\n", class, x, y, html.EscapeString(text))
}

// arrow writes its label above its first piece if that is level, else beside it: on
// the side where there is more room.
func arrow(b *bytes.Buffer, kind, points, label string) error {
	var x1, y1, x2, y2 int
	if _, err := fmt.Sscanf(points, "%d,%d %d,%d", &x1, &y1, &x2, &y2); err != nil {
		return err
	}
	fmt.Fprintf(b, `<polyline class="arrow" stroke="%s" points="%s" marker-end="url(#%s)"/>`+"\n", colors[kind], points, kind)
	anchor, x, y := "start", x1+12, (y1+y2)/2+5
	switch {
	case y1 == y2:
		anchor, x, y = "middle", (x1+x2)/2, y1-8
	case x1 > 650:
		anchor, x = "end", x1-12
	}
	if label != "" {
		fmt.Fprintf(b, `<text class="label" text-anchor="%s" x="%d" y="%d">%s</text>`+"\n", anchor, x, y, html.EscapeString(label))
	}
	return nil
}

func key(b *bytes.Buffer, x, y int, text []string) {
	for i, line := range text {
		kind, meaning, _ := strings.Cut(line, " ")
		fmt.Fprintf(b, `<polyline class="arrow" stroke="%s" points="%d,%d %d,%d" marker-end="url(#%s)"/>`+"\n", colors[kind], x, y+26*i, x+44, y+26*i, kind)
		say(b, "label", x+58, y+26*i+5, strings.TrimSpace(meaning))
	}
}
