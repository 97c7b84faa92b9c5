// Package rawjson has JSON objects whose members stay as they were written. The
// configuration of a container is carried in this form and not in the Docker
// library's structs: a daemon newer than the library knows members that the
// structs would drop, and so it loses nothing when edgeman makes a container
// anew. It knows nothing of Docker.
package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
)

// Object is a JSON object. json writes its keys sorted, so the bytes are stable.
type Object map[string]json.RawMessage

// Set stores v under key. v is made of plain values and always encodes.
func (f Object) Set(key string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("docker: encode %s: %v", key, err))
	}
	f[key] = b
}

// SetFilled is set for a v that is not empty.
func (f Object) SetFilled(key string, v any) {
	if f.Set(key, v); Empty(f[key]) {
		delete(f, key)
	}
}

// Get decodes the member into v, which stays as it is when the member is absent
// or null.
func (f Object) Get(key string, v any) error {
	b, ok := f[key]
	if !ok || string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// Clone is another object with the same members.
func (f Object) Clone() Object {
	out := make(Object, len(f))
	maps.Copy(out, f)
	return out
}

// Drop removes members.
func (f Object) Drop(keys ...string) {
	for _, k := range keys {
		delete(f, k)
	}
}

// Equal compares two values as JSON.
func Equal(a, b any) bool {
	x, errx := json.Marshal(a)
	y, erry := json.Marshal(b)
	return errx == nil && erry == nil && Same(x, y)
}

// Same compares two values regardless of spaces and the order of members.
func Same(a, b json.RawMessage) bool {
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

// Empty says whether v is null, "", [] or {}.
func Empty(v json.RawMessage) bool {
	switch string(bytes.TrimSpace(v)) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// DropZero removes the members that say nothing: null, and for members that the
// library knows also the zero value and empty lists. Members it does not know
// stay: their zero may have a meaning.
func (f Object) DropZero(zero any) {
	var known Object
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
		case ok && (Same(v, z) || Empty(v)):
			delete(f, k)
		}
	}
}
