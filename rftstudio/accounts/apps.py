from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "rftstudio.accounts"
    label = "accounts"
