package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// fields is a JSON object whose members are kept as the daemon wrote them. The
// configuration of a container is carried in this form and not in the library's
// structs, because a daemon newer than the library knows members that the
// structs would drop. json writes its keys sorted, so the bytes are stable.
type fields map[string]json.RawMessage

// set stores v under key. v is made of plain values and always encodes.
func (f fields) set(key string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("docker: encode %s: %v", key, err))
	}
	f[key] = b
}

// setFilled is set for a v that is not empty.
func (f fields) setFilled(key string, v any) {
	if f.set(key, v); empty(f[key]) {
		delete(f, key)
	}
}

// get decodes the member into v, which stays as it is when the member is absent
// or null.
func (f fields) get(key string, v any) error {
	b, ok := f[key]
	if !ok || string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// clone is another object with the same members.
func (f fields) clone() fields {
	out := make(fields, len(f))
	maps.Copy(out, f)
	return out
}

// drop removes members.
func (f fields) drop(keys ...string) {
	for _, k := range keys {
		delete(f, k)
	}
}

// sameJSON compares two values regardless of spaces and the order of members.
func sameJSON(a, b json.RawMessage) bool {
	x, errx := decodeAny(a)
	y, erry := decodeAny(b)
	if errx != nil || erry != nil {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

// decodeAny keeps numbers as text: limits are 64 bits wide.
func decodeAny(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// empty says whether v is null, "", [] or {}.
func empty(v json.RawMessage) bool {
	switch string(bytes.TrimSpace(v)) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// dropZero removes the members that say nothing: null, and for members that the
// library knows also the zero value and empty lists. Members it does not know
// stay: their zero may have a meaning.
func (f fields) dropZero(zero any) {
	var known fields
	b, err := json.Marshal(zero)
	if err == nil {
		err = json.Unmarshal(b, &known)
	}
	if err != nil {
		panic(fmt.Sprintf("docker: encode a zero %T: %v", zero, err))
	}
	for k, v := range f {
		z, ok := known[k]
		switch {
		case string(v) == "null":
			delete(f, k)
		case ok && (sameJSON(v, z) || empty(v)):
			delete(f, k)
		}
	}
}
