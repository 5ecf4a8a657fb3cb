package kubelet

import (
	"errors"
	"os"
	"strings"

	"kios.dev/init/internal/plainfile"
)

// fileLimit is the number of bytes that a file for Make may have.
const fileLimit = 64 << 10

// ReadFiles reads the files for Make below etc, the folder /etc. Pods write there, so nothing in it is trusted to be a
// file that ends.
func ReadFiles(etc string) Files {
	r := reader{etc: etc}
	files := Files{
		Hostname: r.text(hostname), NodeLabels: r.text(nodeLabels), NodeIP: r.text(nodeIP),
		Manager: r.text(manager), Proxy: r.text(proxy),
		Kubeconfig: r.exists(kubeconfig), Bootstrap: r.exists(bootstrap), Credentials: r.exists(credentials),
	}
	files.Unusable = r.faults
	return files
}

// ReadProxy returns the words of containerd's environment that the file of the proxy gives. A file at fault gives none,
// and is named at kubelet's start.
func ReadProxy(etc string) []string {
	r := reader{etc: etc}
	text := r.text(proxy)
	if text == nil {
		return nil
	}
	words, _ := parseProxy(*text)
	return words
}

type reader struct {
	etc    string
	faults []Fault
}

func (r *reader) text(path string) *string {
	data, err := plainfile.Read(r.etc, below(path), fileLimit)
	if !r.usable(path, err) {
		return nil
	}
	text := string(data)
	return &text
}

func (r *reader) exists(path string) bool {
	return r.usable(path, plainfile.Check(r.etc, below(path)))
}

func (r *reader) usable(path string, err error) bool {
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.faults = append(r.faults, Fault{path, err})
	}
	return err == nil
}

// below returns a path below /etc as a name in that folder.
func below(path string) string { return strings.TrimPrefix(path, "/etc/") }
