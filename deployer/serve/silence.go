package serve

import (
	"time"

	"edgeman/deployer/serve/run"
)

// An app that was healthy once is not asked again while it answers requests. When
// requests wait in it and nothing comes back, it is.

const (
	silentAfter = 5 * time.Second // without a byte of an answer
	silentAgain = 5 * time.Second // between questions to a silent app
)

// silence is what the keeper remembers of answers that do not come.
type silence struct {
	since time.Time // requests wait, and nothing has come back
	back  uint64    // pieces of answers that had come by then
	asked time.Time
}

// listen tells whether it is time to ask the app why nothing comes back. waits
// says that requests wait for it now, back counts what it ever gave back.
func (s *silence) listen(now time.Time, waits bool, back uint64) (ask bool) {
	if !waits || back != s.back || s.since.IsZero() {
		s.since, s.back, s.asked = now, back, time.Time{}
		return false
	}
	if now.Sub(s.since) < silentAfter || now.Sub(s.asked) < silentAgain {
		return false
	}
	s.asked = now
	return true
}

// heedSilence asks the containers of a slot that lets requests in and gives
// nothing back.
func (k *keeper) heedSilence() {
	if k.group == nil || k.role != live || k.held() {
		k.silence = silence{}
		return
	}
	waits := false
	if k.release.Mode == run.Native {
		n, err := k.host.listeners.pending()
		waits = err == nil && n > 0
	} else {
		// Those that try in vain to reach the app count as well.
		waits = k.serves() && k.front.Unanswered() > 0
	}
	switch {
	case k.silence.listen(time.Now(), waits, k.front.Conns.Pieces.Load()):
		k.group.AskWhySilent()
	case k.silence.asked.IsZero():
		k.group.Answers()
	}
}
