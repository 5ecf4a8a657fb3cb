package consoles

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns a pseudo terminal: what is behind it, and its path.
func terminal(t *testing.T) (*os.File, string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

func TestAPortHasItsRateAndNoEcho(t *testing.T) {
	master, path := terminal(t)
	p := &port{path: path, baud: 57600}
	if _, err := p.Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	settings, err := unix.IoctlGetTermios(int(p.file.Fd()), unix.TCGETS2)
	if err != nil || settings.Ospeed != 57600 || settings.Ispeed != 57600 || settings.Lflag&unix.ECHO != 0 {
		t.Errorf("%+v %v", settings, err)
	}
	if line, err := bufio.NewReader(master).ReadString('\n'); line != "one\r\n" {
		t.Errorf("%q %v", line, err)
	}
}

func TestAPortIsOpenedAgainAfterAHangup(t *testing.T) {
	first, one := terminal(t)
	second, two := terminal(t)
	path := filepath.Join(t.TempDir(), "port")
	p := &port{path: path}
	for _, step := range []error{os.Symlink(one, path), write(p, "one\n"), first.Close(), os.Remove(path), os.Symlink(two, path), write(p, "two\n")} {
		if step != nil {
			t.Fatal(step)
		}
	}
	if line, err := bufio.NewReader(second).ReadString('\n'); line != "two\r\n" {
		t.Errorf("%q %v", line, err)
	}
}

func write(p *port, line string) error {
	_, err := p.Write([]byte(line))
	return err
}

func TestAnAbsentPortFailsAtOnce(t *testing.T) {
	if _, err := (&port{path: t.TempDir() + "/none"}).Write([]byte("x\n")); err == nil {
		t.Error("no error")
	}
}
