package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// outputLimit bounds what a program that runs once may write.
const outputLimit = 1 << 20

// ErrLate means that a program was killed because its time was over.
var ErrLate = errors.New("it took too long")

// RunOnce runs a program until it ends, and kills it after limit. It returns the program's standard output, and an
// error unless the program ended with status 0.
func (r *Reaper) RunOnce(path string, argv, env []string, limit time.Duration) ([]byte, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	files := []uintptr{null.Fd(), in.Fd(), os.Stderr.Fd()}
	pid, ended, err := r.Start(path, argv, &syscall.ProcAttr{Env: env, Files: files})
	in.Close()
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(limit, func() { syscall.Kill(pid, syscall.SIGKILL) })
	output, err := io.ReadAll(io.LimitReader(out, outputLimit))
	if err != nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	out.Close() // a program that writes more ends
	status := <-ended
	switch inTime := late.Stop(); {
	case err != nil:
		return nil, err
	case !inTime && status.Signaled():
		return output, ErrLate
	case status.Signaled():
		return output, fmt.Errorf("it ended by signal %d", status.Signal())
	case status.ExitStatus() != 0:
		return output, fmt.Errorf("it ended with status %d", status.ExitStatus())
	}
	return output, nil
}
