#pragma once
#include "../variant.h"

namespace minigen {
namespace VARIANT {

void adam(const Parameter* parameters, index count, const AdamStep& step);

}  // namespace VARIANT
}  // namespace minigen
