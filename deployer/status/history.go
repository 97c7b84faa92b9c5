package status

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"edgeman/deployer/images"
	"edgeman/deployer/slots"
	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// History is what `edgeman history --json` prints. Fields are only ever added.
type History struct {
	App    string        `json:"app"`
	Live   int           `json:"live"` // release that serves now
	Kept   []int         `json:"kept"` // releases that a rollback can go back to
	Gone   []int         `json:"gone"` // those whose images are no more on this host
	Events []state.Event `json:"events"`
}

// History reads what happened to an app, oldest first; last > 0 leaves all but
// that many events out.
func (h *Host) History(ctx context.Context, name string, last int) (History, error) {
	if err := h.Paths.Adopted(name); err != nil {
		return History{}, err
	}
	hist := History{App: name, Kept: []int{}, Gone: []int{}, Events: []state.Event{}}
	events, err := h.Paths.History(name)
	if err != nil {
		return hist, err
	}
	if last > 0 && len(events) > last {
		events = events[len(events)-last:]
	}
	hist.Events = append(hist.Events, events...)
	numbers, err := h.Paths.ReleaseNumbers(name)
	if err != nil {
		return hist, err
	}
	for _, n := range numbers {
		if h.cannotReturn(ctx, name, n) {
			hist.Gone = append(hist.Gone, n)
		} else {
			hist.Kept = append(hist.Kept, n)
		}
	}
	_, live, _, err := slots.Served(h.Paths, name)
	hist.Live = live.Number // 0 if nothing is live
	return hist, err
}

// cannotReturn tells whether no rollback can start a release because its image
// has been removed. Without Docker that is not known.
func (h *Host) cannotReturn(ctx context.Context, app string, number int) bool {
	if h.Docker == nil {
		return false
	}
	r, err := h.Paths.ReadRelease(app, number)
	return err == nil && images.Gone(ctx, h.Docker, r.ImageID)
}

// Print writes the history for people, the newest last, as in a log.
func (hist History) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tWHAT\tRELEASE\tIMAGE\tDIGEST\tBY\tTOOK\tCUT\tOUTCOME")
	serves := hist.Made()
	for i, e := range hist.Events {
		release := number(e.Release)
		if i == serves {
			release += "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%.1fs\t%d\t%s\n",
			e.Time.Local().Format(time.DateTime), e.Operation, release, words.OrDash(e.Image), shortDigest(e.Digest),
			words.OrDash(e.By), e.Seconds, e.Cut, outcomeOf(e))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if serves >= 0 {
		fmt.Fprintf(w, "* serves now; releases kept for a rollback: %s\n", strings.Trim(fmt.Sprint(hist.Kept), "[]"))
	}
	if len(hist.Gone) > 0 {
		fmt.Fprintf(w, "no rollback to %s: the image is gone from this host; edgeman swap %s IMAGE pulls it again\n", strings.Trim(fmt.Sprint(hist.Gone), "[]"), hist.App)
	}
	return nil
}

// Made is the index of the event that made the live release live; -1 if it is
// not among those shown.
func (hist History) Made() int {
	for i, e := range slices.Backward(hist.Events) {
		if e.Release == hist.Live && e.Release != 0 && e.Outcome == state.Done && e.Operation != "drain" {
			return i
		}
	}
	return -1
}

func outcomeOf(e state.Event) string {
	var notes []string
	kinds := e.CutKinds.String()
	switch {
	case e.Note != "" && kinds != "":
		notes = append(notes, e.Note+" ("+kinds+")")
	case kinds != "":
		notes = append(notes, "cut "+kinds)
	case e.Note != "":
		notes = append(notes, e.Note)
	}
	if e.WebsocketsClosed > 0 {
		notes = append(notes, "closed "+words.Plural(e.WebsocketsClosed, "websocket"))
	}
	if len(notes) == 0 {
		return e.Outcome
	}
	return e.Outcome + ": " + strings.Join(notes, "; ")
}

// shortDigest is as much of an identifier as Docker shows: twelve digits.
func shortDigest(d string) string {
	_, hex, _ := strings.Cut(d, ":")
	if hex == "" {
		return "-"
	}
	return hex[:min(12, len(hex))]
}
