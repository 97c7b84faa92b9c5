package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"edgeman/deployer/docker/layer"
	"edgeman/deployer/docker/rawjson"
)

// create sends r. Files are written into a container that is there, and engines
// before 25 (API 1.44) take one network at creation: then the container is built
// under another name and renamed when it is whole, so that an interrupted create
// never leaves half a container under its name.
func (c *Client) create(ctx context.Context, name string, r request) (id string, err error) {
	if !containerName.MatchString(name) {
		return "", callErr("create", name, fmt.Errorf("%q is not a container name", name))
	}
	first, rest := r.networks, map[string]rawjson.Object(nil)
	if versions.LessThan(c.API(), "1.44") {
		first, rest = maps.Clone(r.networks), maps.Clone(r.networks)
		maps.DeleteFunc(first, func(name string, _ rawjson.Object) bool { return name != r.primary })
		delete(rest, r.primary)
	}
	if len(rest) == 0 && len(r.files) == 0 {
		return c.post(ctx, name, body(r, first))
	}
	partial := name + ".partial"
	if err := c.Remove(ctx, partial); err != nil && !isNotFound(err) {
		return "", err
	}
	if id, err = c.post(ctx, partial, body(r, first)); err != nil {
		return "", err
	}
	if err = c.complete(ctx, id, name, rest, r.files); err != nil {
		return "", errors.Join(err, c.Remove(context.WithoutCancel(ctx), id))
	}
	return id, nil
}

// complete connects the other networks, writes the files and gives the container
// its name.
func (c *Client) complete(ctx context.Context, id, name string, rest map[string]rawjson.Object, files []layer.File) error {
	if len(files) > 0 {
		if err := c.putFiles(ctx, id, files); err != nil {
			return err
		}
	}
	for network, f := range rest {
		if err := c.connect(ctx, id, network, f); err != nil {
			return err
		}
	}
	return c.do(ctx, "name", name, func(ctx context.Context, api *client.Client) error {
		return api.ContainerRename(ctx, id, name)
	})
}

// connect uses the library's type: engines this old know no member that it lacks.
func (c *Client) connect(ctx context.Context, id, name string, f rawjson.Object) error {
	var ep network.EndpointSettings
	b, err := json.Marshal(f)
	if err == nil {
		err = json.Unmarshal(b, &ep)
	}
	if err != nil {
		return callErr("connect to network", name, err)
	}
	return c.do(ctx, "connect to network", name, func(ctx context.Context, api *client.Client) error {
		return api.NetworkConnect(ctx, name, id, &ep)
	})
}

// body encodes a create call. Before API 1.44 a fixed MAC address is a member of
// Config, afterwards of the network.
func body(r request, networks map[string]rawjson.Object) func(api string) []byte {
	return func(api string) []byte {
		config, eps := r.config.Clone(), map[string]rawjson.Object{}
		for name, f := range networks {
			f = f.Clone()
			if mac, ok := f["MacAddress"]; ok && versions.LessThan(api, "1.44") {
				f.Drop("MacAddress")
				config["MacAddress"] = mac
			}
			eps[name] = f
		}
		config.Set("HostConfig", r.hostConfig)
		config.Set("NetworkingConfig", map[string]any{"EndpointsConfig": eps})
		b, err := json.Marshal(config)
		if err != nil {
			panic(fmt.Sprintf("docker: encode a container: %v", err)) // made of valid JSON only
		}
		return b
	}
}

// post creates the container with a request of our own over the library's
// connection: the library's structs would drop what a newer daemon said of the
// container and this library does not know.
func (c *Client) post(ctx context.Context, name string, body func(api string) []byte) (id string, err error) {
	err = c.do(ctx, "create", name, func(ctx context.Context, api *client.Client) error {
		version := api.ClientVersion()
		u := url.URL{Scheme: "http", Host: client.DummyHost, Path: "/v" + version + "/containers/create", RawQuery: url.Values{"name": {name}}.Encode()}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body(version)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := api.HTTPClient().Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusCreated {
			return daemonError(res.StatusCode, answer)
		}
		var created container.CreateResponse
		err = json.Unmarshal(answer, &created)
		id = created.ID
		return err
	})
	return id, err
}

// daemonError is the error of an answer that is not a success, of the same class
// as the library makes them.
func daemonError(status int, answer []byte) error {
	var e struct{ Message string }
	if json.Unmarshal(answer, &e) != nil || e.Message == "" {
		e.Message = fmt.Sprintf("the daemon answered %d %s", status, http.StatusText(status))
	}
	err := errors.New(strings.TrimSpace(e.Message))
	if class := errhttp.ToNative(status); class != nil {
		return fmt.Errorf("%w%w", err, silent{class})
	}
	return err
}

// silent lends an error's class without its text.
type silent struct{ error }

func (silent) Error() string { return "" }

func (s silent) Unwrap() error { return s.error }
