# What the stubs share: for type checkers alone, there is no such module at run time.
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

F = TypeVar("F", bound=np.floating[Any])
Mask: TypeAlias = NDArray[np.uint8]
# What becomes an array. Other containers (pandas, xarray, dask) give their own, which is Any here.
Arrays: TypeAlias = NDArray[Any] | Sequence[Any]
Numbers: TypeAlias = float | Arrays
Reduction: TypeAlias = Literal["mean", "sum", "none"]

class Keywords(TypedDict, total=False):
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    subok: bool

class TypedKeywords(Keywords, total=False):
    dtype: DTypeLike
    signature: str | tuple[DTypeLike, ...]

class Unary(np.ufunc):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    @overload
    def __call__(
        self,
        x: NDArray[F],
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[Keywords],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self,
        x: float,
        /,
        out: None = None,
        *,
        where: Literal[True] = True,
        **kwargs: Unpack[Keywords],
    ) -> np.float64: ...
    @overload
    def __call__(
        self, x: F, /, out: None = None, *, where: Literal[True] = True, **kwargs: Unpack[Keywords]
    ) -> F: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        /,
        out: NDArray[F] | tuple[NDArray[F]],
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self,
        x: Arrays,
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> Any: ...

class Binary(np.ufunc):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    @overload
    def __call__(
        self,
        a: float | NDArray[F],
        b: NDArray[F],
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[Keywords],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self,
        a: float,
        b: float,
        /,
        out: None = None,
        *,
        where: Literal[True] = True,
        **kwargs: Unpack[Keywords],
    ) -> np.float64: ...
    @overload
    def __call__(
        self,
        a: F,
        b: F,
        /,
        out: None = None,
        *,
        where: Literal[True] = True,
        **kwargs: Unpack[Keywords],
    ) -> F: ...
    @overload
    def __call__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        /,
        out: NDArray[F] | tuple[NDArray[F]],
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> NDArray[F]: ...
    @overload
    def __call__(
        self,
        a: Numbers,
        b: Arrays,
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        /,
        out: None = None,
        *,
        where: ArrayLike = True,
        **kwargs: Unpack[TypedKeywords],
    ) -> Any: ...
