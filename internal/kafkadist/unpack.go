package kafkadist

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// unpack writes the files of a tar.gz below dir, without the archive's own top folder. It takes folders and plain files only:
// a distribution has no links, and a link is the usual way out of the folder.
func unpack(ctx context.Context, archive, dir string) (err error) {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%w: not a gzip file: %w", compute.ErrInvalid, err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // A distribution is public.
		return err
	}
	// A Root resolves no path to outside of it, whatever an entry's name says.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("damaged archive: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := unpackEntry(root, entry, entries); err != nil {
			return err
		}
	}
}

// placeOf returns where an entry of an archive belongs below the folder that it is unpacked to, "" for the archive's own top folder.
func placeOf(entry string) (string, error) {
	_, name, _ := strings.Cut(path.Clean(entry), "/")
	if strings.HasPrefix(entry, "/") || strings.Contains("/"+entry+"/", "/../") || name != "" && !filepath.IsLocal(name) {
		return "", fmt.Errorf("%w: the archive has an entry %q that leads out of its folder", compute.ErrInvalid, entry)
	}
	return name, nil
}

func unpackEntry(root *os.Root, entry *tar.Header, content io.Reader) (err error) {
	if entry.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := placeOf(entry.Name)
	if err != nil || name == "" {
		return err
	}
	switch entry.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		// The mode's execute bit is all that matters; write access for others is never taken over.
		out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|os.FileMode(entry.Mode&0o111))
		if err != nil {
			return err
		}
		_, err = io.Copy(out, content)
		return errors.Join(err, out.Close())
	default:
		return fmt.Errorf("%w: the archive's entry %q is neither a file nor a folder", compute.ErrInvalid, entry.Name)
	}
}
