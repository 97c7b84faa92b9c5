//go:build !race

package nginxconf

const raceEnabled = false
