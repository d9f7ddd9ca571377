from tests.graders.asking import string_check_asks

__all__ = ["string_check_asks"]
