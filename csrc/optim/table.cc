// The table of this instruction set's optimisers.
#include "optim.h"

namespace minigen {
namespace VARIANT {

extern const Optim optimisers;
const Optim optimisers = {adamw, sgd};

}  // namespace VARIANT
}  // namespace minigen
