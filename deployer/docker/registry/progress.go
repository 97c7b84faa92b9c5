// Package registry is about registries: references of images, root's login, the
// daemon's report of a pull, and what a pull failed for. The pull itself is the
// daemon's.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Progress is how far a pull has come, over all layers that are known so far.
type Progress struct {
	Status         string // of the layer that moved, in the daemon's words
	Current, Total int64  // bytes downloaded and to download; Total grows while layers appear
	Layers, Ready  int    // layers of the image, and those unpacked or here already
}

// pullMessage is one line of the daemon's report.
type pullMessage struct {
	ID, Status     string
	ProgressDetail struct{ Current, Total int64 }
	Error          string
	ErrorDetail    struct{ Message string }
}

// Follow follows the report to its end. A pull that broke off says so in the
// stream; its HTTP status was sent long before.
func Follow(r io.Reader, progress func(Progress)) error {
	t := tally{layers: map[string]*layer{}}
	for d := json.NewDecoder(r); ; {
		var m pullMessage
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the daemon's report: %w", err)
		}
		switch {
		case m.ErrorDetail.Message != "":
			return errors.New(m.ErrorDetail.Message)
		case m.Error != "":
			return errors.New(m.Error)
		}
		if p, moved := t.add(m); moved && progress != nil {
			progress(p)
		}
	}
}

type layer struct {
	current, total int64
	ready          bool
}

// tally sums a pull's layers.
type tally struct{ layers map[string]*layer }

func (t tally) add(m pullMessage) (Progress, bool) {
	if !t.update(m) {
		return Progress{}, false
	}
	p := Progress{Status: m.Status, Layers: len(t.layers)}
	for _, l := range t.layers {
		p.Current += l.current
		p.Total += l.total
		if l.ready {
			p.Ready++
		}
	}
	return p, true
}

func (t tally) update(m pullMessage) bool {
	l := t.layers[m.ID]
	if l == nil {
		l = &layer{}
	}
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Verifying Checksum", "Retrying":
	case "Downloading":
		l.current, l.total = m.ProgressDetail.Current, max(l.total, m.ProgressDetail.Total)
	case "Download complete", "Extracting":
		l.current = l.total
	case "Pull complete", "Already exists":
		l.current, l.ready = l.total, true
	default:
		return false // about the image, not a layer
	}
	if m.ID == "" {
		return false
	}
	t.layers[m.ID] = l
	return true
}
