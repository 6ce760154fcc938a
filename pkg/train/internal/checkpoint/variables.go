package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Variables copies every variable of a store: weights, optimizer state and random state. The order
// is that of creation, on which optimizers rely.
func Variables(store *model.Store) ([]Variable, error) {
	var list []Variable
	for v := range store.IterVariables() {
		data, err := contentOf(v)
		if err != nil {
			return nil, err
		}
		s := v.Shape()
		list = append(list, Variable{
			Path: v.Path(), DType: s.DType.String(), Dims: slices.Clone(s.Dimensions),
			Trainable: v.Trainable, Bytes: len(data), Data: data,
		})
	}
	return list, nil
}

// contentOf copies the bytes of a variable's value to the host.
func contentOf(v *model.Variable) (data []byte, err error) {
	t, err := v.Value()
	if err != nil {
		return nil, err
	}
	if e := t.ConstBytes(func(b []byte) { data = slices.Clone(b) }); e != nil {
		return nil, fmt.Errorf("read variable %s: %w", v.Path(), e)
	}
	return data, nil
}

// Restore sets the variables of a store to saved values and creates those that it lacks.
func Restore(store *model.Store, list []Variable) error {
	for _, s := range list {
		t, err := s.tensor()
		if err != nil {
			return fmt.Errorf("restore variable %s: %w", s.Path, err)
		}
		v := store.GetVariable(s.Path)
		if v == nil {
			v, err = store.CreateVariable(s.Path, t)
		} else {
			err = v.SetValue(t)
		}
		if err != nil {
			return fmt.Errorf("restore variable %s: %w", s.Path, err)
		}
		v.Trainable = s.Trainable
	}
	return nil
}

// Finite reports whether no value of v is NaN or infinite. Types other than floats are finite.
func (v Variable) Finite() bool {
	// All bits of the exponent are set in what is not finite.
	switch v.DType {
	case dtypes.Float64.String():
		const exponent = 0x7ff << 52
		for b := v.Data; len(b) >= 8; b = b[8:] {
			if binary.NativeEndian.Uint64(b)&exponent == exponent {
				return false
			}
		}
	case dtypes.Float32.String():
		const exponent = 0xff << 23
		for b := v.Data; len(b) >= 4; b = b[4:] {
			if binary.NativeEndian.Uint32(b)&exponent == exponent {
				return false
			}
		}
	case dtypes.BFloat16.String(), dtypes.Float16.String():
		exponent := uint16(0xff << 7)
		if v.DType == dtypes.Float16.String() {
			exponent = 0x1f << 10
		}
		for b := v.Data; len(b) >= 2; b = b[2:] {
			if binary.NativeEndian.Uint16(b)&exponent == exponent {
				return false
			}
		}
	}
	return true
}

// tensor makes a tensor in host memory of a saved variable.
func (s Variable) tensor() (*tensors.Tensor, error) {
	dtype, err := dtypes.DTypeString(s.DType)
	if err != nil {
		return nil, err
	}
	shape := shapes.Make(dtype, s.Dims...)
	if int(shape.ByteSize()) != len(s.Data) {
		return nil, fmt.Errorf("%d bytes for shape %s", len(s.Data), shape)
	}
	return tensors.FromRaw(nil, 0, shape, s.Data)
}

// Write writes paths, shapes and contents of all variables in a form that is the same for the
// same values.
func Write(w io.Writer, store *model.Store) error {
	for v := range store.IterVariables() {
		data, err := contentOf(v)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s %s %t %d\n", v.Path(), v.Shape(), v.Trainable, len(data))
		w.Write(data) // hashes, which are what w is, do not fail
	}
	return nil
}

// Digest returns the SHA-256 of what Write writes, in hexadecimal.
func Digest(store *model.Store) (string, error) {
	h := sha256.New()
	if err := Write(h, store); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
