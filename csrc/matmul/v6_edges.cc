// v6: a flatter tile inside the loops of BLIS: cut to the caches, fitted to the edges.
//
// Why it gains: 512 steps of a panel of y stay in L2, however long the sum is. Rows and columns are shared out evenly, with a
// micro-kernel for every size: 7 rows are 4 + 3, not 6 + 1 and 5 rows of zeros. The tile is 6 rows by 4 vectors, fewer rows
// of z that lie a power of two apart, and goes straight from registers into lines that were prefetched while the tile before
// it was computed. What few tiles read is left where it lies; the rest is packed whole vectors at a time, lines fetched a
// dozen steps ahead, blocks that lie the wrong way turned in registers. Narrow products are computed transposed.
// The loops are those of BLIS (Van Zee and van de Geijn 2015); the sizes of their blocks follow Low et al. 2016, "Analytical
// modeling is enough for high-performance BLIS". See tile.h, pack.h and gemm.cc.
#include "product.h"

void minigen::VARIANT::matmul_v6_edges(const Matrix& x, const Matrix& y, float* out) {
    const Product product(x, y, out);
    gemm_alone(product.gemm);
}
