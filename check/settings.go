package check

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"edgeman/deployer/hint"
	"edgeman/deployer/state"
)

// Settings are the [check] table of edgeman.toml.
type Settings struct {
	// WarnFactor and CritFactor are the shares of the renewal window that may
	// be left before an expiry is a warning and critical.
	WarnFactor float64 `toml:"warn"`
	CritFactor float64 `toml:"crit"`
	// TrustedCA are PEM files of certificate authorities that visitors of this
	// host trust beside the system's.
	TrustedCA []string `toml:"trusted_ca"`
	// Internal are server names whose visitors accept any certificate.
	Internal []string `toml:"internal"`
	// Certificates are exceptions to the expiry rule, by file or name.
	Certificates []certificateSetting `toml:"certificate"`
	Ignore       []ignore             `toml:"ignore"`
	// Lint asks for the rules that are marked so as well.
	Lint bool `toml:"lint"`
}

// certificateSetting gives one certificate absolute thresholds.
type certificateSetting struct {
	Subject  string  `toml:"subject"`
	WarnDays float64 `toml:"warn_days"`
	CritDays float64 `toml:"crit_days"`
}

func (s Settings) withDefaults() Settings {
	s.WarnFactor = cmp.Or(s.WarnFactor, 0.7)
	s.CritFactor = cmp.Or(s.CritFactor, 0.35)
	return s
}

// ReadSettings reads the [check] table of the file at path. A file that is not
// there gives the defaults. The file decides what root reports, so nobody but
// root may have written it.
func ReadSettings(path string) (Settings, error) {
	data, err := state.ReadTrusted(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}.withDefaults(), nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("reading settings: %w", err)
	}
	s, err := parseSettings(data)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// parseSettings is strict about its own table and blind to all others.
func parseSettings(data []byte) (Settings, error) {
	var s Settings
	var all map[string]any
	if err := toml.Unmarshal(data, &all); err != nil {
		return s, tomlError(err)
	}
	if all["check"] == nil {
		return s.withDefaults(), nil
	}
	table, err := toml.Marshal(all["check"])
	if err != nil {
		return s, fmt.Errorf("reading the table check: %w", err)
	}
	if err := toml.NewDecoder(strings.NewReader(string(table))).DisallowUnknownFields().Decode(&s); err != nil {
		return s, tomlError(err)
	}
	s = s.withDefaults()
	return s, s.validate()
}

func (s Settings) validate() error {
	if s.CritFactor < 0 || s.WarnFactor > 1 || s.CritFactor > s.WarnFactor {
		return fmt.Errorf("check.warn = %g, check.crit = %g: want 0 <= crit <= warn <= 1", s.WarnFactor, s.CritFactor)
	}
	for _, i := range s.Ignore {
		if _, ok := Explain(i.Code); !ok {
			return hint.New("edgeman check --explain list", "check.ignore: unknown code %q", i.Code)
		}
		if strings.TrimSpace(i.Reason) == "" {
			return hint.New("say why: the next reader will ask", "check.ignore: the entry for %s has no reason", i.Code)
		}
	}
	for _, c := range s.Certificates {
		if c.Subject == "" || c.WarnDays < c.CritDays || c.CritDays < 0 {
			return fmt.Errorf("check.certificate %q: want a subject and 0 <= crit_days <= warn_days", c.Subject)
		}
	}
	return nil
}

// tomlError names the setting or the place, and never quotes the line: the file
// may hold more than check's own table.
func tomlError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		return fmt.Errorf("unknown setting check.%s", strings.Join(strict.Errors[0].Key(), "."))
	}
	var dec *toml.DecodeError
	if errors.As(err, &dec) {
		row, col := dec.Position()
		return fmt.Errorf("line %d, column %d: %s", row, col, strings.TrimPrefix(dec.Error(), "toml: "))
	}
	return err
}
