// Package adoption is the record of what adopt took over: what giving back
// needs, what check and status read. Adopt writes it, before the first change.
package adoption
