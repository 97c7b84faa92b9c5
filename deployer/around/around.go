// Package around judges what others have done to an app's containers, by what
// Docker shows of them. It asks nobody; status and check tell what it finds.
package around

import (
	"fmt"
	"slices"
	"strings"
)

// Codes of findings, which are check's.
const (
	Paused       = "container-paused"
	OriginalRuns = "original-runs"
	ComposeRuns  = "compose-original-running"
	CutOff       = "container-cut-off"
	ImageGone    = "image-gone"
)

// Container is what Docker shows of one at one moment.
type Container struct {
	ID, Name         string
	Image, ImageID   string // its reference, and what it runs
	Project, Service string // of Compose; "" if it is not Compose's
	Running          bool
	Paused           bool
	Adrift           string   // why it is cut off from the network that it has joined; "" if it is not
	Writes           []string // the volumes and paths of the host that it may write to
}

// App is what there should be.
type App struct {
	Name      string
	Live      []string // names of the live release's containers
	Release   int
	Image     string     // of the release
	ImageID   string     // the same
	ImageGone bool       // Docker does not have it
	Stopped   bool       // edgeman lets them rest, or holds requests back
	Originals []Original // the containers that it was adopted from
}

// Original is a container from before adopt, which is stopped and kept.
type Original struct {
	ID, Name  string
	Image     string
	ImageGone bool
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Code    string
	Subject string // a container
	Text    string
	Next    string // the command to type
	Mild    bool   // nobody notices it today
}

// Judge compares an app with the containers on the host, worst first.
func Judge(a App, all []Container) []Finding {
	var live []Container
	for _, c := range all {
		if slices.Contains(a.Live, c.Name) {
			live = append(live, c)
		}
	}
	out, mild := a.originals(live, all)
	for _, c := range live {
		switch {
		case c.Paused && !a.Stopped:
			out = append(out, Finding{
				Code: Paused, Subject: c.Name,
				Text: fmt.Sprintf("container %s is paused, and not by edgeman: requests to it get no answer", c.Name), Next: "docker unpause " + c.Name,
			})
		case c.Adrift != "":
			out = append(out, Finding{
				Code: CutOff, Subject: c.Name,
				Text: fmt.Sprintf("container %s is cut off: %s", c.Name, c.Adrift), Next: "edgeman repair " + a.Name,
			})
		}
	}
	if a.ImageGone && len(a.Live) > 0 {
		out = append(out, Finding{
			Code: ImageGone, Subject: a.Live[0],
			Text: fmt.Sprintf("the image %s of release %d is gone: %s cannot be made again when it is needed", a.Image, a.Release, a.Live[0]),
			Next: "edgeman repair " + a.Name,
		})
	}
	return append(out, mild...)
}

// originals finds those that run beside the app, by id or, since others recreate
// them, by name; and those that cannot be given back.
func (a App) originals(live, all []Container) (run, mild []Finding) {
	for _, o := range a.Originals {
		at := slices.IndexFunc(all, func(c Container) bool { return c.ID == o.ID || c.Name == o.Name })
		switch {
		case at < 0 && o.ImageGone:
			mild = append(mild, Finding{
				Code: ImageGone, Subject: o.Name, Mild: true,
				Text: fmt.Sprintf("the container %s that %s was adopted from is gone, and so is its image %s: without it, only the live release can be given back (edgeman unadopt %s --to live)", o.Name, a.Name, o.Image, a.Name),
				Next: "docker pull " + o.Image,
			})
		case at >= 0 && all[at].Running && !slices.Contains(a.Live, all[at].Name):
			if f := a.runsBeside(live, all[at]); f.Mild {
				mild = append(mild, f)
			} else {
				run = append(run, f)
			}
		}
	}
	return run, mild
}

// runsBeside tells of a container from before that runs. Where Compose has started
// it, an image other than the live one is a deployment that reached nobody.
func (a App) runsBeside(live []Container, c Container) Finding {
	f := Finding{
		Code: OriginalRuns, Subject: c.Name, Text: fmt.Sprintf("container %s, from before edgeman, runs beside the live release", c.Name),
		Next: "docker update --restart no " + c.Name + " && docker stop " + c.Name,
	}
	shared := a.shared(live, c)
	if c.Project != "" {
		f.Code = ComposeRuns
		f.Text = fmt.Sprintf("Compose has started container %s (%s, service %s of project %s) again, to which nothing leads", c.Name, c.Image, c.Service, c.Project)
		if c.ImageID != a.ImageID && a.ImageID != "" {
			f.Text += fmt.Sprintf(": visitors stay on %s, release %d", a.Image, a.Release)
			f.Next = fmt.Sprintf("edgeman swap %s %s && %s", a.Name, c.Image, f.Next)
		} else {
			f.Text += ", beside the live release of the same image"
			f.Mild = len(shared) == 0
		}
	}
	if len(shared) > 0 {
		f.Text += ", and both may write to " + strings.Join(shared, ", ")
	}
	return f
}

// shared is what the live containers and c may write to.
func (a App) shared(live []Container, c Container) (both []string) {
	for _, l := range live {
		for _, w := range l.Writes {
			if slices.Contains(c.Writes, w) && !slices.Contains(both, w) {
				both = append(both, w)
			}
		}
	}
	return both
}
