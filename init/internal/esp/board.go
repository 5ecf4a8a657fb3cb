package esp

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/slots"
)

// configLimit is the most that a board's settings hold, in bytes.
const configLimit = 64 << 10

// errNoChoice means that nobody can tell from a board's settings what starts.
var errNoChoice = errors.New(slots.Config + " does not say in its first sector which system starts, or not by one line alone")

// ReadBoard lists what lies on the partition of a board below top.
func ReadBoard(top string) (slots.Medium, error) {
	config, err := plainfile.Read(top, slots.Config, configLimit)
	if err != nil {
		return slots.Medium{}, err
	}
	choice, ok := slots.ParseChoice(config)
	if !ok {
		return slots.Medium{}, errNoChoice
	}
	m := slots.Medium{Choice: &choice}
	generations, err := systemsIn(top)
	for _, generation := range generations {
		if info, err := os.Lstat(filepath.Join(top, slots.SystemDir(generation), slots.BoardKernel)); err == nil && info.Mode().IsRegular() {
			m.Images = append(m.Images, generation)
		}
	}
	return m, err
}

// systemsIn returns the generations that have a folder. A partition may have none.
func systemsIn(top string) (generations []int, err error) {
	names, err := plainfile.Names(filepath.Join(top, slots.SystemsDir), mostFiles)
	for _, name := range names {
		if generation, ok := slots.ParseSystem(name); ok {
			generations = append(generations, generation)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return generations, err
}

// choose names other systems in a board's settings, by one write of one sector. Nothing of the file system changes but
// the file's time. What was written is read from the medium.
func choose(top string, c slots.Choice) error {
	config, err := plainfile.Read(top, slots.Config, configLimit)
	if err != nil {
		return err
	}
	if _, ok := slots.ParseChoice(config); !ok {
		return errNoChoice
	}
	file, err := os.OpenFile(filepath.Join(top, slots.Config), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	sector := c.In(config)
	_, err = file.WriteAt(sector, 0)
	err = errors.Join(err, file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED))
	found := make([]byte, len(sector))
	if err == nil {
		_, err = file.ReadAt(found, 0)
	}
	if err == nil && !bytes.Equal(found, sector) {
		err = errors.New("the medium has something else than was written")
	}
	return errors.Join(err, file.Close())
}
