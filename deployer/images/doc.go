// Package images finds and pulls an app's images and tells references to them
// apart.
package images
