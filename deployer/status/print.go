package status

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"edgeman/deployer/state"
	"edgeman/deployer/words"
)

// Print writes the status for people: one line a slot, and below it what is
// wrong with the command to type next. Empty slots are left out. What a state
// means never depends on colour alone.
func (s Status) Print(w io.Writer, now time.Time, colour bool) error {
	if len(s.Apps) == 0 {
		_, err := fmt.Fprintln(w, "no app is adopted; start with: edgeman adopt /etc/nginx/sites-available/SITE --dry-run")
		return err
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APP\tSLOT\tSTATE\tRELEASE\tIMAGE\tCONNS\tOLDEST\tSINCE\t")
	for _, a := range s.Apps {
		a.rows(table, now)
	}
	table.Flush()
	lines := strings.SplitAfter(out.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \n")
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	if colour {
		text = paintStates(text)
	}
	for _, a := range s.Apps {
		text += a.below()
	}
	text += s.unreadable()
	text += checkLine(s.Check, now)
	_, err := io.WriteString(w, text)
	return err
}

// rows are the app's slots that do something, the live one first.
func (a AppStatus) rows(w io.Writer, now time.Time) {
	name := a.Name
	row := func(r SlotReport) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", name, r.Name, r.State,
			number(r.Release), words.OrDash(r.Image), r.Connections, since(r.Oldest, now), since(r.Since, now), r.remark(r.Name == a.Live, now))
		name = ""
	}
	for _, r := range a.Slots {
		if r.Name == a.Live {
			row(r)
		}
	}
	for _, r := range a.Slots {
		if r.Name != a.Live && r.State != SlotEmpty {
			row(r)
		}
	}
	if name != "" {
		fmt.Fprintf(w, "%s\t-\tnothing live\t-\t-\t0\t-\t-\t\n", name)
	}
}

// up is how many of the slot's replicas are up, "2/3 up"; empty if it has one.
func (r SlotReport) up() string {
	if len(r.Replicas) == 0 {
		return ""
	}
	up := 0
	for _, one := range r.Replicas {
		if one.State == state.PhaseHealthy {
			up++
		}
	}
	return fmt.Sprintf("%d/%d up", up, len(r.Replicas))
}

// remark is the free text at the end of a slot's line.
func (r SlotReport) remark(live bool, now time.Time) string {
	parts := []string{r.up(), r.say(live, now)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// say is the remark that the slot's state alone calls for.
func (r SlotReport) say(live bool, now time.Time) string {
	left := words.Ago(r.Deadline.Sub(now))
	switch r.State {
	case SlotLive:
		return ""
	case SlotDraining:
		if r.Deadline.IsZero() {
			return r.Message
		}
		text := fmt.Sprintf("cut in %s at the latest", left)
		if kinds := r.Kinds.String(); kinds != "" {
			text += ": " + kinds
		}
		return text
	case SlotWarm:
		return fmt.Sprintf("for an instant rollback, %s more", left)
	case SlotPaused:
		if r.Deadline.IsZero() {
			return "requests wait"
		}
		return fmt.Sprintf("requests wait, %s at the latest", left)
	}
	if live && r.State == SlotStarting {
		return "requests wait: " + words.OrDash(r.Message)
	}
	return r.Message
}

// below is what does not fit into the table.
func (a AppStatus) below() string {
	text := ""
	if op := a.Operation; op != nil && !op.Interrupted {
		text += fmt.Sprintf("%s: edgeman %s is at work (pid %d)\n", a.Name, op.Name, op.PID)
	}
	for _, p := range a.Problems {
		if p.Text == unreadable {
			continue // said once for all apps
		}
		text += fmt.Sprintf("%s: %s\n", a.Name, p.Text)
		if p.Next != "" {
			text += fmt.Sprintf("  next: %s\n", p.Next)
		}
	}
	return text
}

// unreadable says once what is true of every app.
func (s Status) unreadable() string {
	next, n := "", 0
	for _, a := range s.Apps {
		for _, p := range a.Problems {
			if p.Text == unreadable {
				next, n = p.Next, n+1
			}
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return unreadable + "\n  next: " + next + "\n"
	}
	return unreadable + "\n  next: sudo edgeman status\n"
}

// checkOverdue is when the hourly check, with its random delay, should have
// run again.
const checkOverdue = 3 * time.Hour

func checkLine(c *state.CheckRun, now time.Time) string {
	switch {
	case c == nil:
		return ""
	case now.Sub(c.LastRun) > checkOverdue:
		return fmt.Sprintf("edgeman check last ran %s ago\n  next: systemctl status edgeman-check.timer\n", words.Ago(now.Sub(c.LastRun)))
	case c.Exit != 0:
		return fmt.Sprintf("last edgeman check, %s ago: problems found\n  next: edgeman check\n", words.Ago(now.Sub(c.LastRun)))
	}
	return fmt.Sprintf("last edgeman check, %s ago: no problems\n", words.Ago(now.Sub(c.LastRun)))
}

// PrintDetails adds to the table what `edgeman status APP` tells of one app.
func (a AppStatus) PrintDetails(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	line("site", a.Site)
	if a.Live != "" {
		line("live", fmt.Sprintf("release %d on %s for %s", a.Release, a.Live, since(a.Since, now)))
	}
	line("image", a.Image)
	line("digest", a.Digest)
	line("mode", a.Mode)
	line("strategy", a.Strategy)
	for _, s := range a.Slots {
		if s.State != SlotEmpty {
			s.listenerLines(line)
			s.containerLines(line, a.Mode)
		}
	}
	return table.Flush()
}

// listenerLines tell of several listeners what each has to do.
func (r SlotReport) listenerLines(line func(name, value string)) {
	if len(r.Listeners) < 2 {
		return
	}
	for _, l := range r.Listeners {
		line("port", fmt.Sprintf("%s (%s), %s", state.Listener{Name: l.Name, Port: l.Port}, r.Name, words.Plural(l.Connections, "connection")))
	}
}

// containerLines name the slot's containers. In native mode the kernel gives
// connections to replicas, and nobody counts them.
func (r SlotReport) containerLines(line func(name, value string), mode string) {
	if len(r.Replicas) == 0 {
		names := r.containers // those of an idle slot do not run
		if len(names) < 2 {
			names = []string{words.OrDash(r.Container)}
		}
		for _, name := range names {
			line("container", fmt.Sprintf("%s (%s)", name, r.Name))
		}
	}
	for _, one := range r.Replicas {
		text := fmt.Sprintf("%s (%s), %s", one.Container, r.Name, one.State)
		if mode != "native" {
			text += ", " + words.Plural(one.Connections, "connection")
		}
		line("container", text+because(one.Message))
	}
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return words.Ago(now.Sub(t))
}

// paintStates colours the words of states, which stand between two spaces in
// the table and nowhere else.
func paintStates(table string) string {
	colours := map[string]string{
		SlotLive: "32", SlotDraining: "33", SlotStarting: "33", SlotPaused: "33", SlotFailed: "31",
	}
	for word, code := range colours {
		table = strings.ReplaceAll(table, "  "+word+" ", "  \x1b["+code+"m"+word+"\x1b[0m ")
	}
	return table
}
