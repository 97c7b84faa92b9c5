package program

import (
	"os"
	"strconv"

	"edgeman/deployer/hint"
	"edgeman/deployer/outcome"
	"edgeman/deployer/state"
)

// trusted refuses a file that others than root can change.
func trusted(path string) error {
	if err := state.Trusted(path); err != nil {
		return NotTrusted(err)
	}
	return nil
}

func NotTrusted(err error) error {
	err = outcome.Refuse("%w, and the units would run it as root", err)
	if hint.Has(err) {
		return err
	}
	return hint.With(err, "put the file itself there")
}

// Caller is the user behind sudo, if there is one.
func Caller() []int {
	if uid, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil {
		return []int{uid}
	}
	return nil
}
