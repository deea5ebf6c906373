"""What Numba's compiler is told about numbers, in LLVM's own language."""

from __future__ import annotations

import importlib
from typing import Any

ir: Any = importlib.import_module("llvmlite.ir")
types: Any = importlib.import_module("numba.types")
extending: Any = importlib.import_module("numba.extending")
INT = ir.IntType(32)


@extending.intrinsic
def at(typingctx: Any, index: Any) -> Any:
    """The index as a number of 32 bits without a sign.

    The move is no instruction in the end, but LLVM does not see through it: it computes in 32 bits what leads there,
    where it would mask the low half of a sum of 64 bits.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low = builder.trunc(args[0], INT) if args[0].type.width > INT.width else args[0]
        return builder.asm(ir.FunctionType(INT, [INT]), "mov.b32 $0, $1;", "=r,r", [low], False)

    return types.uint32(index), code
