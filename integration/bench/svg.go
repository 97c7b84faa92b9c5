package bench

import (
	"fmt"
	"html"
	"strings"
)

// panel is a group of horizontal bars with one scale.
type panel struct {
	title string
	bars  []bar
}

// bar is a median with its spread.
type bar struct {
	label          string
	value, low, hi float64
	ours           bool
}

// Sizes of the chart, in pixels.
const (
	chartWidth = 760
	labelWidth = 240
	figureGap  = 90 // right of the longest bar, for its figure
	barHeight  = 16
	barStep    = 24
	panelGap   = 34
)

// SVG is a chart of the report: throughput with and without upstream keepalive,
// and requests lost at a replacement.
func (r *Report) SVG() string {
	var body strings.Builder
	y := 10
	for _, p := range r.panels() {
		y = p.draw(&body, y)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s</svg>
`, chartWidth, y, chartWidth, y, body.String())
}

func (r *Report) panels() []panel {
	var all []panel
	for _, keepalive := range []bool{false, true} {
		p := panel{title: "Requests a second through nginx, without upstream keepalive"}
		if keepalive {
			p.title = "Requests a second through nginx, with upstream keepalive"
		}
		for _, x := range r.Throughput {
			if x.Keepalive == keepalive {
				p.bars = append(p.bars, bar{x.Title, x.Requests.Median(), x.Requests.Min(), x.Requests.Max(), isOurs(x.Peer)})
			}
		}
		all = append(all, p)
	}
	if r.Swap != nil {
		p := panel{title: fmt.Sprintf("Failed requests for each replacement, at %d requests a second", r.Options.Swap.Rate)}
		for _, s := range r.Swap.Strategies {
			if s.Name != None && s.Count > 0 {
				each := float64(s.Requests.Failed) / float64(s.Count)
				p.bars = append(p.bars, bar{s.Title, each, each, each, isOurs(s.Name)})
			}
		}
		all = append(all, p)
	}
	return all
}

func isOurs(name string) bool { return strings.HasPrefix(name, "edgeman") }

// draw appends the panel at y and returns where it ends.
func (p panel) draw(out *strings.Builder, y int) int {
	if len(p.bars) == 0 {
		return y
	}
	most := 0.0
	for _, b := range p.bars {
		most = max(most, b.hi)
	}
	scale := 0.0
	if most > 0 {
		scale = (chartWidth - labelWidth - figureGap) / most
	}
	fmt.Fprintf(out, "<text x=\"10\" y=\"%d\" font-weight=\"bold\" fill=\"#222222\">%s</text>\n", y+14, html.EscapeString(p.title))
	y += barStep
	for _, b := range p.bars {
		b.draw(out, y, scale)
		y += barStep
	}
	return y + panelGap - barStep
}

func (b bar) draw(out *strings.Builder, y int, scale float64) {
	colour, middle := "#8a94a0", y+barHeight/2
	if b.ours {
		colour = "#1f6feb"
	}
	fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#222222\">%s</text>\n", labelWidth-8, y+13, html.EscapeString(b.label))
	fmt.Fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", labelWidth, y, b.value*scale, barHeight, colour)
	if b.hi > b.low {
		fmt.Fprintf(out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#222222\"/>\n", labelWidth+b.low*scale, middle, labelWidth+b.hi*scale, middle)
	}
	digits := count(b.value)
	if b.value < 10 {
		digits = figure(b.value, 1)
	}
	fmt.Fprintf(out, "<text x=\"%.1f\" y=\"%d\" fill=\"#222222\">%s</text>\n", labelWidth+b.hi*scale+6, y+13, digits)
}
