from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("graders", "0001_first"),
        ("tasksets", "0001_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="grader",
            name="in_use",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="grader",
            constraint=models.UniqueConstraint(
                condition=models.Q(("in_use", True)), fields=("taskset",), name="one_grader_in_use"
            ),
        ),
    ]
