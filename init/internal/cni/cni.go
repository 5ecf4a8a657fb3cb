// Package cni is what init's plugins for container networks share: how the runtime calls a plugin, and how a plugin
// says what failed (the CNI specification, github.com/containernetworking/cni/blob/main/SPEC.md).
package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Codes of the specification for errors, and the first of those that are left to plugins.
const (
	CodeVersion     = 1
	CodeArguments   = 4
	CodeConfig      = 7
	CodeLater       = 11
	CodeUnavailable = 50
	CodeRefused     = 100
)

// newest is the version of the specification that a plugin reports by itself.
const newest = "1.1.0"

var versions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", newest}

// Valid is an interface that the runtime still has.
type Valid struct {
	Container string `json:"containerID"`
	Interface string `json:"ifname"`
}

// Failure is an error as the specification has it.
type Failure struct {
	Version string `json:"cniVersion"`
	Code    uint   `json:"code"`
	Message string `json:"msg"`
}

func (f *Failure) Error() string { return f.Message }

// Fail returns err with a code of the specification.
func Fail(code uint, err error) *Failure { return &Failure{Code: code, Message: err.Error()} }

// Serve carries out the command name, one call of a plugin, and returns its exit status. parse reads the network's
// configuration, whose version is one of those that the plugins have; dispatch returns the result. A call for VERSION
// reaches neither.
func Serve[C any](name string, in io.Reader, out io.Writer, parse func(text []byte) (C, error), dispatch func(name string, c C) ([]byte, error)) int {
	text, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return report(out, newest, Fail(CodeConfig, err))
	}
	version, err := versionOf(text)
	if err != nil {
		return report(out, version, err)
	}
	result, err := carryOut(name, text, parse, dispatch)
	if err != nil {
		return report(out, version, err)
	}
	if len(result) > 0 {
		if _, err := out.Write(append(result, '\n')); err != nil {
			return 1
		}
	}
	return 0
}

func carryOut[C any](name string, text []byte, parse func([]byte) (C, error), dispatch func(string, C) ([]byte, error)) ([]byte, error) {
	if name == "VERSION" {
		return json.Marshal(map[string]any{"cniVersion": newest, "supportedVersions": versions})
	}
	c, err := parse(text)
	if err != nil {
		return nil, err
	}
	return dispatch(name, c)
}

// versionOf returns the version to reply in. A call without configuration is one for VERSION.
func versionOf(text []byte) (string, error) {
	var c struct {
		Version string `json:"cniVersion"`
	}
	if len(text) == 0 {
		return newest, nil
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return newest, Fail(CodeConfig, fmt.Errorf("read network: %w", err))
	}
	if c.Version != "" && !slices.Contains(versions, c.Version) {
		return newest, Fail(CodeVersion, fmt.Errorf("read network: version %s is not supported", c.Version))
	}
	return c.Version, nil
}

func report(out io.Writer, version string, err error) int {
	var f *Failure
	if !errors.As(err, &f) {
		f = Fail(CodeRefused, err)
	}
	f.Version = version
	json.NewEncoder(out).Encode(f)
	return 1
}
