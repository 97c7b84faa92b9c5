package integration

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// What a reader can take in at a time. The tests and their hosts, and what only
// they use, are not held to it.
const (
	maxExported   = 25  // names of a package, without methods
	maxFiles      = 25  // of a folder
	maxFileLines  = 300 // of a file
	maxLines      = 60  // of a function
	maxComplexity = 15  // of a function, as gocyclo counts
)

// The records are many, and each of check's rules stands by itself.
var (
	manyNames = map[string]bool{"deployer/state": true, "check": true}
	manyFiles = map[string]bool{"check": true}
)

func TestLimits(t *testing.T) {
	found, err := limits(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s: %s", f.place, f.what)
	}
}

// Each limit is found where it is passed, and not where it is just kept.
func TestLimitsCanFail(t *testing.T) {
	fn := func(name string, lines int) string {
		return "func " + name + "() {" + strings.Repeat("\n", lines-1) + "}\n"
	}
	if8 := "package p\nfunc f() {" + strings.Repeat("if a && b {};", 7)
	files := func(n int) fstest.MapFS {
		tree := fstest.MapFS{}
		for i := range n {
			tree[fmt.Sprintf("p/f%d.go", i)] = &fstest.MapFile{Data: []byte("package p\n")}
		}
		return tree
	}
	file := func(name, text string) fstest.MapFS { return fstest.MapFS{name: {Data: []byte(text)}} }
	names := func(n int) string {
		text := "package p\n"
		for i := range n {
			text += fmt.Sprintf("const A%d, b%d = 1, 2\n", i, i)
		}
		return text
	}
	kinds := "package p\ntype A int\nvar B, C int\nconst D = 1\nfunc E() {}\nfunc (A) F() {}\n"
	for _, c := range []struct {
		name string
		tree fstest.MapFS
		want string
	}{
		{"25 names", file("p/f.go", names(25)), ""},
		{"26 names", file("p/f.go", names(26)), "p: 26 exported names"},
		{"names of every kind", file("p/f.go", kinds+strings.Replace(names(21), "package p\n", "", 1)), "p: 26 exported names"},
		{"26 names of the records", file("deployer/state/f.go", names(26)), ""},
		{"26 names of the tests", file("p/f_test.go", names(26)), ""},
		{"26 names of testdata", file("p/testdata/f.go", names(26)), ""},
		{"25 files", files(25), ""},
		{"26 files", files(26), "p: 26 files"},
		{"300 lines", file("p/f.go", "package p\n"+strings.Repeat("\n", 299)), ""},
		{"301 lines", file("p/f.go", "package p\n"+strings.Repeat("\n", 300)), "p/f.go: 301 lines"},
		{"a function of 60 lines", file("p/f.go", "package p\n"+fn("f", 60)), ""},
		{"a function of 61 lines", file("p/f.go", "package p\n"+fn("f", 61)), "p/f.go f: 61 lines"},
		{"a literal of 61 lines", file("p/f.go", "package p\nvar r = rule{"+fn("", 61)[:len(fn("", 61))-1]+"}\n"), "p/f.go r: 61 lines"},
		{"complexity 15", file("p/f.go", if8+"}\n"), ""},
		{"one branch more", file("p/f.go", if8+"for {}}\n"), "p/f.go f: complexity 16"},
		{"one case more", file("p/f.go", if8+"switch {case a: default:}}\n"), "p/f.go f: complexity 16"},
		{"a method, a select, a literal", file("p/f.go", strings.Replace(if8, "f()", "(t T) f()", 1)+"func() { select {case <-a: default:} }()}\n"), "p/f.go T.f: complexity 16"},
		{"a package of the tests", file("integration/f.go", "package p\n"+fn("f", 61)), ""},
		{"the fakes", file("deployer/fake/f.go", "package p\n"+fn("f", 61)), ""},
	} {
		found, err := limits(c.tree)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := ""
		for _, f := range found {
			got += f.place + ": " + f.what
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// tooLarge is one place where a limit is passed.
type tooLarge struct{ place, what string }

// measured is what was found so far, and how large each folder is.
type measured struct {
	found           []tooLarge
	files, exported map[string]int
}

// limits measures the product's Go files.
func limits(tree fs.FS) ([]tooLarge, error) {
	m := &measured{files: map[string]int{}, exported: map[string]int{}}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || name == "integration" || name == "deployer/fake") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return m.file(name, text)
	})
	for folder, n := range m.files {
		if !manyFiles[folder] {
			m.over(folder, "%d files", n, maxFiles)
		}
		if !manyNames[folder] {
			m.over(folder, "%d exported names", m.exported[folder], maxExported)
		}
	}
	return m.found, err
}

func (m *measured) over(place, what string, n, limit int) {
	if n > limit {
		m.found = append(m.found, tooLarge{place, fmt.Sprintf(what, n)})
	}
}

func (m *measured) file(name string, text []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	m.files[path.Dir(name)]++
	m.over(name, "%d lines", bytes.Count(text, []byte("\n")), maxFileLines)
	for _, d := range declared(file) {
		if ast.IsExported(d.name) && !d.method {
			m.exported[path.Dir(name)]++
		}
		for _, fn := range d.functions {
			m.over(name+" "+d.name, "%d lines", set.Position(fn.End()).Line-set.Position(fn.Pos()).Line+1, maxLines)
			m.over(name+" "+d.name, "complexity %d", complexity(fn), maxComplexity)
		}
	}
	return nil
}

// declaration is one name at the top of a file, with the functions in it.
type declaration struct {
	name      string
	method    bool
	functions []ast.Node
}

func declared(file *ast.File) (all []declaration) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			one := declaration{name: d.Name.Name, functions: []ast.Node{d}}
			if d.Recv != nil {
				one.method = true
				one.name = receiver(d.Recv.List[0].Type) + "." + one.name
			}
			all = append(all, one)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					all = append(all, declaration{name: s.Name.Name})
				case *ast.ValueSpec:
					for _, name := range s.Names {
						all = append(all, declaration{name: name.Name})
					}
					all[len(all)-1].functions = literals(s)
				}
			}
		}
	}
	return all
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// literals are the functions that a variable holds.
func literals(n ast.Node) (all []ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncLit)
		if ok {
			all = append(all, f)
		}
		return !ok
	})
	return all
}

// complexity counts as gocyclo does.
func complexity(fn ast.Node) int {
	n := 1
	ast.Inspect(fn, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if x.List != nil {
				n++
			}
		case *ast.CommClause:
			if x.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}
