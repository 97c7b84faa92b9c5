package status

import (
	"fmt"
	"time"

	"edgeman/deployer/adoption"
	"edgeman/deployer/state"
)

// findProblems says what is wrong and what to type next, worst first. It is
// written for somebody who was woken up.
func (a *AppStatus) findProblems(hasLive bool, version string) {
	found := a.Problems
	a.Problems = []Problem{}
	if a.adopting() {
		if a.Operation.Interrupted {
			a.problem("adopt was interrupted before nginx was switched: the original still serves", "edgeman repair "+a.Name)
		}
		a.Problems = append(a.Problems, found...)
		return
	}
	if !hasLive {
		a.problem("nothing is live: nginx cannot reach "+a.Name, "edgeman repair "+a.Name)
	}
	var live SlotReport
	var failed []string
	for _, s := range a.Slots {
		if s.Name == a.Live {
			live = s
			a.liveProblem(s)
		} else if s.State == SlotFailed {
			failed = append(failed, s.Name)
		}
	}
	if op := a.Operation; op != nil && op.Interrupted {
		a.problem(fmt.Sprintf("edgeman %s was interrupted at step %q", op.Name, op.Step), "edgeman repair "+a.Name)
	}
	for _, name := range failed {
		a.problem(fmt.Sprintf("slot %s is filled but not running", name), "edgeman repair "+a.Name)
	}
	if live.Version != "" && version != "" && live.Version != version {
		a.problem(fmt.Sprintf("slot %s is served by edgeman %s, and this is edgeman %s", live.Name, live.Version, version), "edgeman upgrade "+a.Name)
	}
	a.Problems = append(a.Problems, found...)
}

// adopting reports whether adopt is at work, or was interrupted, and nginx has
// not heard of the app yet: nobody depends on its slots.
func (a *AppStatus) adopting() bool {
	op := a.Operation
	return op != nil && op.Name == "adopt" && (op.Step == "" || op.Step == adoption.StepState || op.Step == adoption.StepSlot)
}

func (a *AppStatus) problem(text, next string) {
	a.Problems = append(a.Problems, Problem{Text: text, Next: next})
}

// liveProblem judges the slot that users depend on.
func (a *AppStatus) liveProblem(s SlotReport) {
	logs, repair := fmt.Sprintf("edgeman logs %s -n 50", a.Name), "edgeman repair "+a.Name
	if s.noDocker { // then nothing else helps
		logs, repair = "systemctl status docker", "systemctl status docker"
	}
	switch s.State {
	case SlotEmpty:
		a.problem(fmt.Sprintf("the live slot %s is empty: nginx cannot reach %s", s.Name, a.Name), "edgeman repair "+a.Name)
	case SlotFailed:
		a.problem(fmt.Sprintf("the live slot %s does not run%s", s.Name, because(s.Message)), repair)
	case SlotStarting:
		text := fmt.Sprintf("release %d is not healthy%s", s.Release, because(s.Message))
		if s.Waiting > 0 {
			text += fmt.Sprintf("; %d requests wait", s.Waiting)
		}
		a.problem(text, logs)
	}
	if s.State == SlotLive && s.Silent != "" {
		a.problem(fmt.Sprintf("release %d does not answer: %s", s.Release, s.Silent), logs)
	}
	a.containerProblems(s, logs)
	if s.Restarts > 0 {
		a.problem(fmt.Sprintf("edgeman's own service of slot %s was restarted %s", s.Name, times(int(s.Restarts))),
			fmt.Sprintf("journalctl -u edgeman@%s:%s.service -n 50", a.Name, s.Name))
	}
}

func (a *AppStatus) containerProblems(s SlotReport, logs string) {
	containers := s.Replicas
	if len(containers) == 0 {
		containers = []ReplicaReport{{Container: s.Container, State: state.PhaseHealthy, Exits: s.Exits, ExitCode: s.ExitCode}}
	}
	for _, c := range containers {
		if c.State != state.PhaseHealthy && !c.justStarting() && s.State == SlotLive {
			a.problem(fmt.Sprintf("container %s is not up, the other replicas serve%s", c.Container, because(c.Message)), logs)
		}
		if c.Exits > 1 || c.Exits == 1 && s.State == SlotLive && c.State == state.PhaseHealthy {
			a.problem(fmt.Sprintf("container %s ended %s and not by edgeman, %swith code %d%s", c.Container, times(c.Exits), lastTime(c.Exits), c.ExitCode, exitMeaning(c.ExitCode)), logs)
		}
	}
}

// startGrace is what a container may take to become healthy before that is a
// problem.
const startGrace = time.Minute

// justStarting tells a replica that comes up, as after an idle time, from one
// that has ended before.
func (r ReplicaReport) justStarting() bool {
	return r.State == state.PhaseStarting && r.Exits == 0 && time.Since(r.Since) < startGrace
}

// moved tells of a slot that the app had to leave, until it is filled again.
func (a *AppStatus) moved(l slotLook) {
	if l.status.Dead && !l.live {
		a.problem(fmt.Sprintf("release %d shut down the listening socket of %s, or its file was removed, and the app moved to %s", l.status.Release, l.slot.Color, l.slot.Other().Color),
			fmt.Sprintf("edgeman logs %s -n 50", a.Name))
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// exitMeaning explains codes above 128: the shell's convention for a signal,
// which Docker follows.
func exitMeaning(code int) string {
	switch code {
	case 137:
		return " (SIGKILL: by docker stop or kill, or out of memory)"
	case 139:
		return " (segmentation fault)"
	case 143:
		return " (SIGTERM, which docker stop sends)"
	}
	return ""
}

func lastTime(exits int) string {
	if exits == 1 {
		return ""
	}
	return "the last time "
}
