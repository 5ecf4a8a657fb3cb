package consoles

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Sequences of the kernel's terminal, console_codes(4).
const (
	// prepare never blanks the screen, hides the cursor, as nobody can type, and leaves the first row free.
	prepare = "\x1b[9;0]\x1b[?25l\n"
	// beginStatus keeps the first row from scrolling, which a frame buffer that appears later undoes, and goes there. What
	// does not fit into the row is cut.
	beginStatus = "\x1b7\x1b[2r\x1b[1;1H\x1b[?7l\x1b[7m "
	endStatus   = " \x1b[m\x1b[K\x1b[?7h\x1b8"
)

// screen writes to a virtual terminal: lines, and in the first row what a person in front of the machine looks for.
type screen struct {
	to        io.Writer
	status    func() string
	isShown   func() bool
	prepared  bool
	displayed bool
}

func newScreen(to io.Writer, status func() string) *screen {
	return &screen{to: to, status: status, isShown: func() bool { return hasDisplay("/sys") }}
}

// Write adds a line and draws the status again. Nothing else has to watch for changes: each comes with a line.
func (s *screen) Write(line []byte) (int, error) {
	text := strings.Map(harmless, string(line))
	if !s.prepared {
		text = prepare + text
	}
	s.displayed = s.displayed || s.isShown()
	if s.displayed && s.status != nil {
		text += beginStatus + strings.Map(harmless, s.status()) + endStatus
	}
	if _, err := io.WriteString(s.to, text); err != nil {
		return 0, err
	}
	s.prepared = true
	return len(line), nil
}

// harmless replaces what a terminal could take as a command: kubelet and containerd repeat what pods say.
func harmless(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return ' '
	}
	return r
}

// hasDisplay reports whether virtual terminals are shown anywhere: without a display the kernel has only a dummy for
// them.
func hasDisplay(sys string) bool {
	drivers, _ := filepath.Glob(filepath.Join(sys, "class/vtconsole/*/name"))
	for _, driver := range drivers {
		if name, err := os.ReadFile(driver); err == nil && !strings.Contains(string(name), "dummy") {
			return true
		}
	}
	return false
}
