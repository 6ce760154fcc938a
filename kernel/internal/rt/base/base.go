// Package base names what every cell can import besides the standard library: importing it here is
// what puts a package into the base library.
package base

import (
	_ "github.com/go-echarts/go-echarts/v2/charts"
	_ "github.com/go-echarts/go-echarts/v2/opts"
	_ "github.com/gomlx/compute"
	_ "github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/shapes"
	_ "github.com/gomlx/go-xla/compute/xla"
	_ "github.com/gomlx/gomlx/backends/default"
	_ "github.com/gomlx/gomlx/core/graph"
	_ "github.com/gomlx/gomlx/core/tensors"
	_ "github.com/gomlx/gomlx/ml/dataset"
	_ "github.com/gomlx/gomlx/ml/layers"
	_ "github.com/gomlx/gomlx/ml/layers/activation"
	_ "github.com/gomlx/gomlx/ml/layers/attention"
	_ "github.com/gomlx/gomlx/ml/layers/norm"
	_ "github.com/gomlx/gomlx/ml/layers/regularizer"
	_ "github.com/gomlx/gomlx/ml/model"
	_ "github.com/gomlx/gomlx/ml/model/initializer"
	_ "github.com/gomlx/gomlx/ml/train"
	_ "github.com/gomlx/gomlx/ml/train/loss"
	_ "github.com/gomlx/gomlx/ml/train/metric"
	_ "github.com/gomlx/gomlx/ml/train/optimizer"

	_ "github.com/lathe-go/lathe/kernel/internal/rt/gotest"
	_ "github.com/lathe-go/lathe/pkg/backend"
	_ "github.com/lathe-go/lathe/pkg/chart"
	_ "github.com/lathe-go/lathe/pkg/dataset"
	_ "github.com/lathe-go/lathe/pkg/display"
	_ "github.com/lathe-go/lathe/pkg/metric"
	_ "github.com/lathe-go/lathe/pkg/train"
	_ "github.com/lathe-go/lathe/pkg/worklog"
)
