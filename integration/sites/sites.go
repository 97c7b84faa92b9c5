// Package sites makes nginx configurations by chance: sites as people write them,
// with upstreams, snippets, maps and directories of locations, that lead to
// several apps. Tests adopt and give back whatever comes out.
package sites

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Tree is what lies below nginx's directory, besides its main file, which
// includes conf.d/*.conf and sites-enabled/*. Paths are relative to it.
type Tree struct {
	Files map[string]string
	Links map[string]string // a symbolic link and what it leads to
	Asks  []Ask             // requests that reach the apps
	Apps  []App

	// Nested says that an app has a location inside another's: what is written for
	// one may rest on what was written for the other.
	Nested bool
}

// App is one address that the sites lead to.
type App struct {
	Name    string
	Address string
	Site    string // a file that uses it
}

// Ask is a request; Tenant is the header that maps choose by.
type Ask struct{ Host, Path, Tenant string }

// New makes a tree that leads to all addresses, one of each app. listen is what
// its servers listen on.
func New(rng *rand.Rand, addresses []string, listen string) Tree {
	m := maker{rng: rng, listen: listen, common: "conf.d/common.conf", Tree: Tree{Files: map[string]string{}, Links: map[string]string{}}}
	for i := range 1 + rng.IntN(2) {
		m.servers = append(m.servers, &server{name: fmt.Sprintf("s%d.test", i), site: m.pick(fmt.Sprintf("site%d", i), fmt.Sprintf("site%d.conf", i))})
	}
	for i, a := range addresses {
		m.Apps = append(m.Apps, App{Name: fmt.Sprintf("app%d", i), Address: a})
	}
	for i := range m.Apps {
		ways := 1 + rng.IntN(2)
		for range ways {
			m.lead(&m.Apps[i])
		}
	}
	m.finish()
	return m.Tree
}

// server is one server block in a site of its own.
type server struct {
	name, site string
	top        []string // before the block
	lines      []string // in it
}

type maker struct {
	Tree
	rng     *rand.Rand
	listen  string
	common  string // a file of what all share
	servers []*server
	ways    int
	tenants []string // rows of the map
	files   []string // in the order in which they came
}

func (m *maker) chance(of int) bool { return m.rng.IntN(of) == 0 }

func (m *maker) pick(among ...string) string { return among[m.rng.IntN(len(among))] }

// lead writes one way to the app.
func (m *maker) lead(a *App) {
	m.ways++
	s := m.servers[m.rng.IntN(len(m.servers))]
	if a.Site == "" {
		a.Site = "sites-available/" + s.site
	}
	path := fmt.Sprintf("/w%d/", m.ways)
	m.Asks = append(m.Asks, Ask{Host: s.name, Path: path + "x?q=1"})
	ways := []func(*server, *App, string){m.literal, m.upstream, m.snippet, m.directory, m.tenant, m.variable, m.nested, m.oneLine}
	ways[m.rng.IntN(len(ways))](s, a, path)
}

// headers are what people write beside a proxy_pass.
func (m *maker) headers() []string {
	return [][]string{
		nil,
		{"proxy_set_header Host $host;"},
		{"proxy_set_header X-A a; # mine"},
		{"proxy_set_header Host $host;", "proxy_set_header X-Real-IP $remote_addr;"},
		{"proxy_set_header Host $proxy_host;"},
		{"proxy_redirect off;", "proxy_read_timeout 30s;"},
	}[m.rng.IntN(6)]
}

func (m *maker) location(path, pass string) []string {
	lines := append([]string{pass}, m.headers()...)
	m.rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if m.chance(4) {
		return []string{"location " + path + " { " + strings.Join(plain(lines), " ") + " }"}
	}
	return slices.Concat([]string{"location " + path + " {"}, indented(lines), []string{"}"})
}

// plain are lines without comments, so that they can be joined.
func plain(lines []string) []string {
	var out []string
	for _, l := range lines {
		text, _, _ := strings.Cut(l, " #")
		out = append(out, text)
	}
	return out
}

func indented(lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, "    "+l)
	}
	return out
}

func (m *maker) uri() string { return m.pick("", "", "/", "/v1/") }

func (m *maker) literal(s *server, a *App, path string) {
	s.lines = append(s.lines, m.location(path, "proxy_pass http://"+a.Address+m.uri()+";")...)
}

// upstream is in the site, in a file of all, or has its servers in a file.
func (m *maker) upstream(s *server, a *App, path string) {
	name := fmt.Sprintf("up_%s_%d", a.Name, m.ways)
	server := "server " + a.Address + m.pick("", "", " weight=2", " max_fails=3 fail_timeout=5s") + ";"
	if m.chance(4) {
		file := "snippets/" + name + ".conf"
		m.write(file, server)
		server = "include " + file + ";"
	}
	lines := []string{"upstream " + name + " {", "    " + server, "}"}
	keepalive := m.chance(3)
	if keepalive {
		lines = slices.Insert(lines, 2, "    keepalive 8;")
	}
	if m.chance(2) {
		m.write(m.common, lines...)
	} else {
		s.top = append(s.top, lines...)
	}
	location := m.location(path, "proxy_pass http://"+name+m.uri()+";")
	if version := "proxy_http_version 1.1;"; keepalive && !slices.Contains(s.lines, version) {
		s.lines = append(s.lines, version)
	}
	s.lines = append(s.lines, location...)
}

// snippet is a file that one site or two include.
func (m *maker) snippet(s *server, a *App, path string) {
	file := fmt.Sprintf("snippets/%s-%d.conf", a.Name, m.ways)
	m.write(file, append([]string{"proxy_pass http://" + a.Address + ";"}, m.headers()...)...)
	s.lines = append(s.lines, "location "+path+" { include "+file+"; }")
	if m.chance(2) {
		other, second := m.servers[m.rng.IntN(len(m.servers))], strings.TrimSuffix(path, "/")+"b/"
		other.lines = append(other.lines, "location "+second+" {", "    include "+file+";", "}")
		m.Asks = append(m.Asks, Ask{Host: other.name, Path: second})
	}
}

// directory is a directory of locations.
func (m *maker) directory(s *server, a *App, path string) {
	dir := "locations/" + s.site
	include := "include " + dir + "/*;"
	if !slices.Contains(s.lines, include) {
		s.lines = append(s.lines, include)
	}
	m.write(fmt.Sprintf("%s/%s-%d", dir, a.Name, m.ways), m.location(path, "proxy_pass http://"+a.Address+m.uri()+";")...)
}

// tenant is a row of a map that several apps share.
func (m *maker) tenant(s *server, a *App, path string) {
	tenant := fmt.Sprintf("t%d", m.ways)
	m.tenants = append(m.tenants, tenant+" "+a.Address+";")
	m.Asks[len(m.Asks)-1].Tenant = tenant
	// Without a Host of its own the map's value would become that.
	s.lines = append(s.lines, "location "+path+" {", "    proxy_set_header Host $host;", "    proxy_pass http://$tenant;", "}")
}

func (m *maker) variable(s *server, a *App, path string) {
	v := fmt.Sprintf("$to%d", m.ways)
	set := m.pick("set "+v+" "+a.Address+";", "set "+v+" http://"+a.Address+";")
	pass := "proxy_pass http://" + v + ";"
	if strings.Contains(set, "://") {
		pass = "proxy_pass " + v + ";"
	}
	if m.chance(2) {
		s.lines = append(s.lines, set)
		s.lines = append(s.lines, m.location(path, pass)...)
		return
	}
	s.lines = append(s.lines, "location "+path+" { "+set+" "+pass+" }")
}

// nested is a location inside another, of the same app or of another one.
func (m *maker) nested(s *server, a *App, path string) {
	other, inner := *a, path+"in/"
	if m.chance(2) {
		other = m.Apps[m.rng.IntN(len(m.Apps))]
		m.Nested = m.Nested || other != *a
	}
	around := slices.Concat([]string{"proxy_pass http://" + other.Address + ";"}, m.headers())
	within := slices.Concat([]string{"proxy_pass http://" + a.Address + ";"}, m.headers())
	block := slices.Concat([]string{"location " + inner + " {"}, indented(within), []string{"}"})
	s.lines = slices.Concat(s.lines, []string{"location " + path + " {"}, indented(around), indented(block), []string{"}"})
	m.Asks = append(m.Asks, Ask{Host: s.name, Path: inner})
}

// oneLine puts upstreams of several apps on one line.
func (m *maker) oneLine(s *server, a *App, path string) {
	name := fmt.Sprintf("line_%d", m.ways)
	text := "upstream " + name + " { server " + a.Address + "; }"
	if last := len(s.top) - 1; last >= 0 && strings.HasPrefix(s.top[last], "upstream line_") {
		s.top[last] += " " + text
	} else {
		s.top = append(s.top, text)
	}
	s.lines = append(s.lines, m.location(path, "proxy_pass http://"+name+";")...)
}

// write adds lines to a file.
func (m *maker) write(file string, lines ...string) {
	if _, ok := m.Files[file]; !ok {
		m.files = append(m.files, file)
	}
	m.Files[file] += strings.Join(lines, "\n") + "\n"
}

// finish writes the map, the sites and the links, and gives files the looks that
// they have in the wild.
func (m *maker) finish() {
	if len(m.tenants) > 0 {
		rows := append([]string{"default " + m.pick("127.0.0.1:9;", m.Apps[0].Address+";")}, m.tenants...)
		file := m.pick(m.common, "conf.d/tenants.conf")
		if m.chance(3) {
			m.write(file, "map $http_x_tenant $tenant { "+strings.Join(rows, " ")+" }")
		} else {
			m.write(file, slices.Concat([]string{"map $http_x_tenant $tenant {"}, indented(rows), []string{"}"})...)
		}
	}
	for _, s := range m.servers {
		if m.chance(4) {
			s.lines = append([]string{"proxy_set_header X-Site " + s.name + ";"}, s.lines...)
		}
		block := slices.Concat([]string{"listen " + m.listen + ";", "server_name " + s.name + ";"}, s.lines)
		m.write("sites-available/"+s.site, slices.Concat(s.top, []string{"server {"}, indented(block), []string{"}"})...)
		m.Links["sites-enabled/"+s.site] = "../sites-available/" + s.site
	}
	for _, file := range m.files {
		m.Files[file] = m.look(m.Files[file])
	}
	m.link()
}

func (m *maker) look(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		if m.chance(8) {
			lines[i] += "\n" + m.pick("", "# a word", "    # proxy_pass http://127.0.0.1:1;", "\t")
		}
	}
	end := "\n"
	if m.chance(6) {
		end = "\r\n"
	}
	text = strings.Join(lines, "\n")
	if m.chance(3) {
		text = strings.ReplaceAll(text, "    ", "\t")
	}
	if !m.chance(4) {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", end)
}

// link moves one of the snippets elsewhere and leaves a link in its place.
func (m *maker) link() {
	for _, file := range m.files {
		if strings.HasPrefix(file, "snippets/") && m.chance(4) {
			to := "shared/" + strings.TrimPrefix(file, "snippets/")
			m.Files[to] = m.Files[file]
			delete(m.Files, file)
			m.Links[file] = "../" + to
		}
	}
}
