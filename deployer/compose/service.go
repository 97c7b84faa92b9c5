// Package compose reads what a Compose file says of one of its services. It is the
// one adapter to Compose: the user's own is run, with the project, the directory,
// the files and the env files that the labels of the service's container name, and
// nothing of its semantics is known here.
package compose

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Service is a service of a Compose project, as its container's labels name it.
type Service struct {
	Project  string   `json:"project"`
	Name     string   `json:"service"`
	Dir      string   `json:"directory"` // the project's
	Files    []string `json:"files"`
	EnvFiles []string `json:"env_files,omitempty"` // of --env-file
}

// Labels that Compose gives to its containers.
const (
	prefix       = "com.docker.compose."
	labelProject = prefix + "project"
	labelService = prefix + "service"
	labelOneOff  = prefix + "oneoff"
	labelDir     = prefix + "project.working_dir"
	labelFiles   = prefix + "project.config_files"
	labelEnv     = prefix + "project.environment_file"
)

// Of is the service that a container with those labels belongs to; false where it
// is none, or was made by `docker compose run`.
func Of(labels map[string]string) (Service, bool) {
	s := Service{
		Project: labels[labelProject], Name: labels[labelService], Dir: labels[labelDir],
		Files: list(labels[labelFiles]), EnvFiles: list(labels[labelEnv]),
	}
	return s, s.Project != "" && s.Name != "" && !strings.EqualFold(labels[labelOneOff], "true")
}

func list(label string) []string {
	if label == "" {
		return nil
	}
	return strings.Split(label, ",")
}

// String is "service web of project app in /srv/app".
func (s Service) String() string {
	text := fmt.Sprintf("service %s of the Compose project %s", s.Name, s.Project)
	if s.Dir != "" {
		text += " in " + s.Dir
	}
	return text
}

// Here reports why the service's files cannot be read on this host: Compose was
// given its file on standard input, or ran in a container that has other paths. exists
// says whether a path is a regular file.
func (s Service) Here(exists func(path string) bool) error {
	if s.Dir == "" || len(s.Files) == 0 {
		return errors.New("its labels do not say where its files are")
	}
	for _, f := range append(append([]string{}, s.Files...), s.EnvFiles...) {
		switch {
		case f == "-":
			return errors.New("Compose was given the file on its standard input")
		case !filepath.IsAbs(f):
			return fmt.Errorf("the path %s of its file is not absolute", f)
		case !exists(f):
			return fmt.Errorf("%s is not on this host; Compose may have run in a container that has it", f)
		}
	}
	return nil
}
