// v6: a flatter tile inside the loops of BLIS: cut to the caches, fitted to the edges.
//
// Why it gains: 512 steps of a panel of y and of a block of x stay in L2, however long the sum is. Rows and columns are shared
// out evenly, with a micro-kernel for every size: 7 rows are 4 + 3, not 6 + 1 and 5 rows of zeros. The tile is 6 rows by 4
// vectors: fewer rows of z that lie a power of two apart, written straight from registers into lines that were prefetched when
// the tile began. Small matrices are read where they lie; others are packed whole vectors at a time, blocks that lie the wrong
// way turned in registers. Narrow products are computed transposed. The loops are those of BLIS (Van Zee and van de Geijn
// 2015); the size of the blocks follows Low et al. 2016, "Analytical modeling is enough for high-performance BLIS".
// See tile.h, pack.h and gemm.cc.
#include "product.h"

void minigen::VARIANT::matmul_v6_edges(const Matrix& x, const Matrix& y, float* out) {
    const Product product(x, y, out);
    gemm_alone(product.gemm);
}
