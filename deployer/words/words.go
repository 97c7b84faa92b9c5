// Package words puts numbers, times and errors into text for people. Nothing is
// ever read back out of what it makes, and it knows nothing of what it is about.
package words

import (
	"fmt"
	"strings"
)

// Plural is a number of things: "1 connection", "2 connections".
func Plural(n int, noun string) string { return fmt.Sprintf("%d %s", n, Noun(n, noun)) }

// Noun is the word for so many things, without their number.
func Noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// OrDash is s, or what stands for nothing in a line or a table.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Joined is a text of several lines in one.
func Joined(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// FirstLine is where a text of several lines says what it is about.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
