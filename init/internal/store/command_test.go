package store

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheCommandReportsWhatItDid(t *testing.T) {
	from, to := node(t)
	pull(t, to, pulledDHCP)
	ship(t, from, newer...)
	for _, c := range []struct {
		args   []string
		status int
		report Report
		fault  string
	}{
		{[]string{AdaptVerb, from, to}, 0, Report{Lost: []string{pulledDHCP.name}}, ""},
		{[]string{KeepVerb, from, to}, 0, Report{}, ""},
		{[]string{AdaptVerb, from, to + "/none"}, 1, Report{}, "no such file"},
		{[]string{"fill", from, to}, 1, Report{}, `no verb "fill"`},
		{nil, 1, Report{}, "takes a verb"},
	} {
		var out bytes.Buffer
		if status := Command(c.args, &out); status != c.status {
			t.Errorf("%v: status %d", c.args, status)
		}
		r, err := ReadReport(out.Bytes(), nil)
		r.Error = ""
		if !reflect.DeepEqual(r, c.report) || (c.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%v: %+v %v", c.args, r, err)
		}
	}
}

func TestAReportSaysWhyTheCommandFailed(t *testing.T) {
	late := errors.New("it took too long")
	for _, c := range []struct {
		output string
		failed error
		says   string
		full   bool
	}{
		{`{"lost":["a"]}`, nil, "", false},
		{`{"error":"write meta.db: no space left","full":true}`, late, "write meta.db", true},
		{`{"error":"invalid database"}`, late, "invalid database", false},
		{"fatal error: stack overflow", late, "without a report\nit took too long", false},
		{"{}", late, "it took too long", false},
	} {
		_, err := ReadReport([]byte(c.output), c.failed)
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) || errors.Is(err, unix.ENOSPC) != c.full {
			t.Errorf("%s: %v", c.output, err)
		}
	}
}
