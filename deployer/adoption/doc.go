// Package adoption is the record of what adopt took over. Adopt writes it before
// the first change; unadopt works from it, and check and status read it.
package adoption
