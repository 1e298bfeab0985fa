"""The settings of a function."""

from pydantic import Field

from app.expressions import Call


class Settings(Call):
    """The function, and how it is called; the variable `handler` is the request."""

    form: bool = Field(False, description="Show browsers a form with a field for each parameter, and the result")
    offload: bool = Field(False, description="Call it in a thread, so that long work does not stop other requests")
    timeout: float | None = Field(None, gt=0, description="Seconds after which the answer is 504")
