package state

import (
	"fmt"
	"slices"
	"strings"
)

// Environment is what the app file adds to the container's environment: env,
// then env_file. It is read as root, so the file must be root's; no line of it
// is ever quoted in an error.
func (a App) Environment() ([]string, error) {
	env := slices.Clone(a.Env)
	if a.EnvFile == "" {
		return env, nil
	}
	data, err := ReadTrusted(a.EnvFile)
	if err != nil {
		return nil, &SettingsError{a.Name, fmt.Errorf("env_file: %w", err)}
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		key, _, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t\x00") || strings.ContainsRune(line, 0) {
			return nil, &SettingsError{a.Name, fmt.Errorf("env_file: %s:%d: not a KEY=VALUE line", a.EnvFile, i+1)}
		}
		env = append(env, line)
	}
	return env, nil
}
