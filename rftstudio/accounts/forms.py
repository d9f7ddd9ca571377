"""Forms for signing in, joining and inviting. They check; they never save."""

from typing import ClassVar

from django import forms
from django.contrib.auth import password_validation

from rftstudio.accounts.models import Invitation, Role, User, Workspace


class SignInForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))


class _NewPassword(forms.Form):
    """A password that is checked against the person it is for."""

    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least ten characters. A short sentence is easiest to remember.",
    )

    def _check_password(self, user: User) -> None:
        if password := self.cleaned_data.get("password"):
            try:
                password_validation.validate_password(password, user)
            except forms.ValidationError as error:
                self.add_error("password", error)


class PasswordForm(_NewPassword):
    """The first password of somebody who was signed in by a link."""

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> None:
        self._check_password(self.user)


class JoinForm(_NewPassword):
    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))

    field_order = ("name", "email", "password")

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("This address has an account already. Sign in first, then open the link again.")
        return email

    def clean(self) -> None:
        self._check_password(
            User(username=self.cleaned_data.get("email", ""), email=self.cleaned_data.get("email", ""))
        )


class ProfileForm(_NewPassword):
    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))

    field_order = ("name", "email", "password")

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].required = False
        self.fields["password"].label = "New password"
        if user.has_usable_password():
            self.fields["password"].help_text = "Leave it empty to keep the one you have."
        else:
            self.fields["password"].help_text = "You have none yet: choose one, so that you can sign in again later."

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exclude(pk=self.user.pk).exists():
            raise forms.ValidationError("Somebody else has this address.")
        return email

    def clean(self) -> None:
        self._check_password(self.user)


class InviteForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ("email", "role")


class WorkspaceForm(forms.ModelForm):
    class Meta:
        model = Workspace
        fields = ("name", "max_running", "max_waiting")
        labels: ClassVar = {"max_running": "Jobs at once", "max_waiting": "Jobs in line"}
        help_texts: ClassVar = {
            "max_running": "So many of this workspace’s trainings, comparisons and readiness checks run at the same "
            "time, where the machine allows it. From 1 to 100.",
            "max_waiting": "Launching is refused while so many wait, and so is resuming. What follows a training by "
            "itself is never refused. From 1 to 1000.",
        }


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
