// Which instruction set computes. The best one that the processor has is chosen at start.
#pragma once
#include <string>
#include <vector>

#include "kernels.h"

namespace minigen {

std::vector<std::string> variants();       // those that run here, best first
bool set_variant(const std::string& name);  // false: not among them
const Kernels& kernels();                   // the chosen one's

}  // namespace minigen
